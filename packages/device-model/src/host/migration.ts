import { formatValue, isPciError, PciError } from "@userpci/interface";
import type { Hardware } from "./hardware.ts";
import type { HostedMigration } from "./hosted-function.ts";
import { StateReader, StateWriter, wrongState } from "./state-bytes.ts";
import type { DeviceUser } from "./user.ts";
import { loadVirtual, saveVirtual } from "./virtual-state.ts";

/** What comes first in a saved state; the number is its version. */
const MAGIC = "userpci device state 1";

/** What a migration asks of the function that it belongs to. */
export interface MigrationOptions {
  readonly user: () => DeviceUser | undefined;
  /** @throws PciError `ERR_CLOSED`, `ERR_DEVICE_GONE` */
  readonly requireUsable: () => void;
  readonly stopped: () => boolean;
  readonly setStopped: (stopped: boolean) => void;
}

/** A whole state, in the order of its sections. */
interface State {
  readonly config: Uint8Array;
  /** Empty if nobody had the device open. */
  readonly virtual: Uint8Array;
  readonly line: Uint8Array;
  readonly msi: Uint8Array;
  readonly msix: Uint8Array;
  readonly time: Uint8Array;
  readonly memories: readonly Uint8Array[];
  readonly model: Uint8Array;
}

/** State of a function whose model can tell its own. What its user has connected interrupts to is the user's to do again. */
export class Migration implements HostedMigration {
  readonly #hardware: Hardware;
  readonly #options: MigrationOptions;

  constructor(hardware: Hardware, options: MigrationOptions) {
    this.#hardware = hardware;
    this.#options = options;
  }

  stop(): void {
    this.#options.requireUsable();
    this.#options.setStopped(true);
  }

  run(): void {
    this.#options.requireUsable();
    if (this.#options.stopped()) this.#options.setStopped(false);
  }

  /** @throws PciError `ERR_BUSY` unless stopped */
  save(): Uint8Array {
    this.#requireStopped();
    return this.#writer().bytes();
  }

  /** The model's own part can only be had by saving it, which it allows at any time that no task runs. */
  size(): number {
    this.#options.requireUsable();
    return this.#writer().size;
  }

  /**
   * Nothing is changed by bytes of another form; what the model itself refuses leaves the device reset.
   *
   * @throws PciError `ERR_BUSY` unless stopped, `ERR_PROTOCOL`
   */
  load(bytes: Uint8Array): void {
    this.#requireStopped();
    const state = this.#parse(bytes);
    const { config, irqs, memories, scheduler, instance } = this.#hardware;
    this.#hardware.reset("power-on");
    config.load(state.config);
    const user = this.#options.user();
    if (user !== undefined && state.virtual.length > 0) loadVirtual(user.space, state.virtual);
    irqs.load({ asserted: state.line[0] === 1, msi: state.msi, msix: state.msix });
    scheduler.setNow(timeOf(state.time));
    for (const [index, { bytes: memory }] of [...memories.all()].entries())
      memory.set(state.memories[index]!);
    try {
      instance.load!(state.model.slice());
    } catch (error) {
      this.#hardware.reset("power-on");
      throw isPciError(error) ? error : wrongState("is not one that the model can take up", error);
    }
  }

  #writer(): StateWriter {
    const { config, irqs, memories, scheduler, instance, name } = this.#hardware;
    const user = this.#options.user();
    const pending = irqs.save();
    const writer = new StateWriter()
      .add(textBytes(MAGIC))
      .add(textBytes(name))
      .add(config.save())
      .add(user === undefined ? new Uint8Array() : saveVirtual(user.space))
      .add(Uint8Array.of(Number(pending.asserted)))
      .add(pending.msi)
      .add(pending.msix)
      .add(timeBytes(scheduler.now()));
    for (const { bytes } of memories.all()) writer.add(bytes);
    return writer.add(instance.save!());
  }

  #parse(bytes: Uint8Array): State {
    if (!(bytes instanceof Uint8Array)) {
      throw new PciError(
        "ERR_INVALID_ARGUMENT",
        `the state must be a Uint8Array, not ${formatValue(bytes)}`,
        {
          hint: "pass what save() gave",
        },
      );
    }
    const reader = new StateReader(bytes);
    const { config, irqs, memories, name } = this.#hardware;
    if (textOf(reader.next("its head")) !== MAGIC) throw wrongState("is of another version, or none at all");
    const from = textOf(reader.next("the model's name"));
    if (from !== name)
      throw wrongState(`is of the model ${JSON.stringify(from)}, not ${JSON.stringify(name)}`);
    const lengths = irqs.save();
    const state: State = {
      config: reader.next("config space", config.size),
      virtual: reader.next("virtual config space"),
      line: reader.next("the line's level", 1),
      msi: reader.next("pending bits of MSI", lengths.msi.length),
      msix: reader.next("pending bits of MSI-X", lengths.msix.length),
      time: reader.next("the time", 8),
      memories: [...memories.all()].map(({ bytes: { length } }) => reader.next("a BAR's memory", length)),
      model: reader.next("the model's state"),
    };
    reader.end();
    const { length } = state.virtual;
    const size = this.#options.user()?.space.size ?? length;
    if (length !== 0 && length !== size)
      throw wrongState(`has ${length} bytes of virtual config space, not ${size}`);
    if (!Number.isSafeInteger(timeOf(state.time)) || timeOf(state.time) < 0) throw wrongState("has no time");
    return state;
  }

  #requireStopped(): void {
    this.#options.requireUsable();
    if (this.#options.stopped()) return;
    throw new PciError("ERR_BUSY", `${this.#hardware.name} is running`, { hint: "stop() it first" });
  }
}

const textBytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function timeBytes(us: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, us, true);
  return bytes;
}

const timeOf = ({ buffer, byteOffset }: Uint8Array): number =>
  new DataView(buffer, byteOffset, 8).getFloat64(0, true);
