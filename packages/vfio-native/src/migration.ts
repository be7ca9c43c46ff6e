import { formatValue, PciError } from "@userpci/interface";
import type { DeviceAccess } from "./device-access.ts";
import { useNamedFeature } from "./feature.ts";
import { MigrationFile } from "./migration-file.ts";
import * as uapi from "./uapi/vfio.ts";

/** A state of a device that can be migrated (`enum vfio_device_mig_state`). */
export type MigrationState =
  | "ERROR"
  | "STOP"
  | "RUNNING"
  | "STOP_COPY"
  | "RESUMING"
  | "RUNNING_P2P"
  | "PRE_COPY"
  | "PRE_COPY_P2P";

/** Saving and loading a device's state, where its kernel driver can do so. */
export class Migration {
  readonly #access: DeviceAccess;

  /** @internal */
  constructor(access: DeviceAccess) {
    this.#access = access;
  }

  /** Which optional states there are. @throws PciError `ERR_NOT_SUPPORTED`, `ERR_CLOSED` */
  abilities(): { readonly peerToPeer: boolean; readonly preCopy: boolean } {
    const data = uapi.migrationInfo.pack({});
    useNamedFeature(this.#access, "migration", "get", uapi.feature.MIGRATION, data);
    const { flags } = uapi.migrationInfo.read(data);
    return {
      peerToPeer: (flags & BigInt(uapi.migrationFlag.P2P)) !== 0n,
      preCopy: (flags & BigInt(uapi.migrationFlag.PRE_COPY)) !== 0n,
    };
  }

  /** The state that the device is in. @throws PciError `ERR_NOT_SUPPORTED`, `ERR_CLOSED` */
  state(): MigrationState {
    const data = uapi.migrationDeviceState.pack({});
    useNamedFeature(this.#access, "migration", "get", uapi.feature.MIG_DEVICE_STATE, data);
    const { device_state } = uapi.migrationDeviceState.read(data);
    const found = Object.entries(uapi.migrationState).find(([, number]) => number === device_state);
    if (found !== undefined) return found[0] as MigrationState;
    throw new PciError(
      "ERR_NOT_SUPPORTED",
      `the device is in migration state ${device_state}, which is new`,
      {
        hint: "use a version of @userpci/vfio-native made for this kernel",
      },
    );
  }

  /**
   * Takes the device to another state.
   *
   * @returns the file to read or write the state by, which the caller closes; undefined if this needs none
   * @throws PciError `ERR_NOT_SUPPORTED`, `ERR_CLOSED`, `ERR_INVALID_ARGUMENT`, or with the system's code
   */
  go(state: MigrationState): MigrationFile | undefined {
    if (!Object.hasOwn(uapi.migrationState, state)) {
      throw new PciError("ERR_INVALID_ARGUMENT", `${formatValue(state)} is no migration state`, {
        hint: `one of ${Object.keys(uapi.migrationState).join(", ")}`,
      });
    }
    const data = uapi.migrationDeviceState.pack({ device_state: uapi.migrationState[state], data_fd: -1 });
    useNamedFeature(this.#access, "migration", "set", uapi.feature.MIG_DEVICE_STATE, data);
    const { data_fd } = uapi.migrationDeviceState.read(data);
    return data_fd < 0 ? undefined : new MigrationFile(this.#access.native, data_fd);
  }

  /** How many bytes the state is expected to have. @throws PciError `ERR_NOT_SUPPORTED` before Linux 6.2, `ERR_CLOSED` */
  size(): bigint {
    const data = uapi.migrationDataSize.pack({});
    useNamedFeature(this.#access, "migration-size", "get", uapi.feature.MIG_DATA_SIZE, data);
    return uapi.migrationDataSize.read(data).stop_copy_length;
  }
}
