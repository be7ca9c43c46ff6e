import {
  type BackendDevice,
  checkType,
  type DmaMapper,
  formatValue,
  type IommuDomain,
  type IovaRange,
  PciError,
} from "@userpci/interface";
import { MemoryMapper } from "@userpci/iommu";
import {
  type Admission,
  type Entrance,
  type KernelPath,
  nativeOver,
  type OpenedDevice,
  type Place,
  VfioBackend,
} from "@userpci/vfio-native/device";
import { DeviceFile } from "./device-file.ts";
import { DmaMessages } from "./dma-mapper.ts";
import { DmaService } from "./dma-service.ts";
import { type Connected, connect, connectSync } from "./handshake.ts";
import { checkWrites, type RegisterWrite, sendWrites } from "./multi-write.ts";
import { type CheckedOptions, type ClientOptions, checkOptions } from "./options.ts";

/** Where functions are served: a socket's path, which is then the address; or paths by address. */
export type Served = string | Readonly<Record<string, string>>;

/** A way to functions: the sockets on which they are served. */
class SocketPath implements KernelPath {
  readonly name = "vfio-user";
  readonly dirtyTracking = false;
  /** One of the mappers of each domain that a device was opened into. */
  readonly spaces = new Map<IommuDomain, DmaMapper>();
  /** Of the functions that are open, by address. */
  readonly connections = new Map<string, Connected>();
  readonly #served: Served | undefined;
  readonly #options: CheckedOptions;

  constructor(served: Served | undefined, options: CheckedOptions) {
    this.#served = served;
    this.#options = options;
  }

  /** A served function has no group and no node: nothing is shared between it and others. */
  placeOf(address: string): Place {
    if (address === "") {
      throw new PciError("ERR_INVALID_ARGUMENT", "an address of no characters", {
        hint: 'pass the path of a socket, such as "/run/edu.sock"',
      });
    }
    if (this.#pathOf(address) !== undefined) return { address, group: -1, node: null };
    throw new PciError("ERR_NO_DEVICE", `this vfio-user backend has no function ${address}`, {
      hint:
        typeof this.#served === "string"
          ? `its only function has the address ${this.#served}`
          : `it has ${Object.keys(this.#served ?? {}).join(", ")}`,
    });
  }

  admit({ address, domain, vfToken }: Entrance): Admission {
    if (vfToken !== undefined) {
      throw new PciError("ERR_INVALID_ARGUMENT", "a token is the kernel's, and goes over no socket", {
        hint: "leave vfToken out: who may connect is up to the mode of the socket's file",
      });
    }
    const opening = new Opening(this.#pathOf(address)!, this.#options, (mapper) => {
      if (this.spaces.get(domain) === mapper) this.spaces.delete(domain);
    });
    return {
      mapper: opening.mapper,
      openDevice: () => opening.open(),
      openDeviceSync: () => opening.openSync(),
      entered: () => {
        this.connections.set(address, opening.connected!);
        if (!this.spaces.has(domain)) this.spaces.set(domain, opening.mapper);
      },
      failed: () => opening.mapper.close(),
      left: () => void this.connections.delete(address),
    };
  }

  close(): void {}

  #pathOf(address: string): string | undefined {
    if (this.#served === undefined) return address;
    if (typeof this.#served === "string") return address === this.#served ? address : undefined;
    return Object.hasOwn(this.#served, address) ? this.#served[address] : undefined;
  }
}

/**
 * Addresses that devices here are given: those of an IOMMU on x86, 48 bits without the window of interrupts (Intel VT-d
 * specification, section 3.14). The protocol has no word on them; a driver so meets the addresses that it will meet elsewhere.
 */
const RANGES: readonly IovaRange[] = [
  { start: 0n, last: 0xfedf_ffffn },
  { start: 0xfef0_0000n, last: 2n ** 48n - 1n },
];

/** A function on its way to being open: the memory that its device will see, before there is a connection. */
class Opening {
  readonly mapper: DmaMessages;
  readonly #path: string;
  readonly #options: CheckedOptions;
  readonly #service: DmaService;
  /** Once it is {@link open}. */
  connected: Connected | undefined;

  constructor(path: string, options: CheckedOptions, onClose: (mapper: DmaMapper) => void) {
    this.#path = path;
    this.#options = options;
    const table = new MemoryMapper({ name: `vfio-user server ${path}`, ranges: RANGES });
    this.#service = new DmaService(table);
    this.mapper = new DmaMessages(
      path,
      table,
      () => this.connected!.connection,
      () => onClose(this.mapper),
    );
  }

  async open(): Promise<OpenedDevice> {
    return this.#over(await connect(this.#path, this.#options, this.#service));
  }

  openSync(): OpenedDevice {
    return this.#over(connectSync(this.#path, this.#options, this.#service));
  }

  #over(connected: Connected): OpenedDevice {
    this.connected = connected;
    const { connection, server } = connected;
    this.mapper.agree(server);
    const file = new DeviceFile(connection, server, this.#options);
    return { fd: file.fd, native: nativeOver(file), calls: file };
  }
}

/** A backend on served functions: what the contract has, and what only the protocol can. */
export class VfioUserBackend extends VfioBackend {
  readonly #way: SocketPath;

  /** @internal */
  constructor(way: SocketPath) {
    super(way);
    this.#way = way;
  }

  /**
   * Writes registers in order, in one message where the server knows that (`write_multiple`), and one by one elsewhere.
   *
   * @param device of this backend
   * @throws PciError as the first write that fails; `EIO` if the server did fewer than it was asked for
   */
  writeMulti(device: BackendDevice, writes: readonly RegisterWrite[]): void {
    checkWrites(device, writes);
    const connected = this.#way.connections.get(device.address);
    if (connected?.server.writeMultiple) sendWrites(connected.connection, writes);
    else this.#writeEach(device, writes);
  }

  #writeEach(device: BackendDevice, writes: readonly RegisterWrite[]): void {
    for (const { region, offset, width, value } of writes) {
      if (width === 8) throw noWide();
      const registers = device.region(region);
      const write = { 1: registers.write8, 2: registers.write16, 4: registers.write32 }[width];
      write.call(registers, offset, value as number);
    }
  }
}

const noWide = (): PciError =>
  new PciError("ERR_NOT_SUPPORTED", "this server takes no writes of 64 bits among several", {
    hint: "write it alone: device.bar(n).map().write64(…)",
  });

/**
 * The backend on functions that other processes or threads serve over vfio-user.
 *
 * @param served the socket's path, which is the address then: `vfioUser("/run/edu.sock")`; or paths by address:
 * `vfioUser({ edu: "/run/edu.sock" })`. Default: any address is a path
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`
 */
export function vfioUser(served?: Served, options: ClientOptions = {}): VfioUserBackend {
  checkServed(served);
  return new VfioUserBackend(new SocketPath(served, checkOptions(options)));
}

function checkServed(served: Served | undefined): void {
  if (served === undefined || typeof served === "string") return;
  checkType("the sockets", served, "object");
  for (const [address, path] of Object.entries(served)) {
    if (typeof path === "string") continue;
    throw new PciError("ERR_INVALID_ARGUMENT", `the socket of ${address} is ${formatValue(path)}`, {
      hint: 'pass paths by address: vfioUser({ edu: "/run/edu.sock" })',
    });
  }
}
