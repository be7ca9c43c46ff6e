import type { AccessHandler, ModelDevice, ModelInstance, ResetCause } from "@userpci/device-model";
import { fieldOf, inField } from "../fields.ts";
import { DOORBELLS, nvmeRegisters } from "../registers.ts";
import { AdminCommands } from "./admin.ts";
import { type ControllerBank, controllerBank, LARGEST_MPS } from "./controller-registers.ts";
import { RamDisk } from "./disk.ts";
import { Doorbells, MappedDoorbells } from "./doorbells.ts";
import { Engine } from "./engine.ts";
import { IoCommands } from "./io.ts";
import { DataMover } from "./mover.ts";
import type { NvmeSettings } from "./options.ts";
import { QueueAdmin, type QueueRules } from "./queue-admin.ts";
import { CompletionQueue, SubmissionQueue } from "./queues.ts";
import { loadState, saveState } from "./snapshot.ts";

const { CC, CSTS, AQA } = nvmeRegisters.rows;

/** CSTS.SHST (NVM Express Base 1.4, section 3.1.6). */
const shutdown = { UNDER_WAY: 1, COMPLETE: 2 } as const;
const SHUTDOWN_STATUS = inField(3, CSTS.fields.SHST);
const READY = inField(1, CSTS.fields.RDY);
const FATAL = inField(1, CSTS.fields.CFS);

/** Entry sizes that CC.IOSQES and CC.IOCQES must name, powers of two. */
const entrySizes = { SUBMISSION: 6, COMPLETION: 4 } as const;

/** A controller that behaves: its registers, and what holds together what is behind them. */
export class Controller implements ModelInstance {
  readonly settings: NvmeSettings;
  readonly bank: ControllerBank;
  readonly disk: RamDisk;
  readonly engine: Engine;
  readonly admin: AdminCommands;
  readonly io: IoCommands;
  readonly bars: { readonly 0: AccessHandler };
  /** Only with doorbells that are memory. */
  readonly poll?: () => boolean;
  readonly #mover: DataMover;
  readonly #doorbells: Doorbells;
  readonly #mapped: MappedDoorbells | undefined;

  constructor(device: ModelDevice, settings: NvmeSettings) {
    this.settings = settings;
    this.disk = new RamDisk(settings.size);
    this.#mover = new DataMover(device.dma);
    this.engine = new Engine(device, {
      execute: (queue) => (queue.id === 0 ? this.admin.execute(queue) : this.io.execute(queue)),
      onFatal: () => this.bank.set("CSTS", this.bank.get("CSTS") | FATAL),
      onIdle: () => this.#endShutdown(),
      latencyOf: ({ id }) => (id === 0 ? 0 : settings.latency),
    });
    this.#doorbells = new Doorbells(this.engine, (event) => this.admin.raiseError(event));
    this.io = new IoCommands(this.disk, settings.blockSize, this.#mover);
    this.admin = this.#makeAdmin(device);
    this.bank = controllerBank(settings, {
      CC: { write: (value, former) => this.#configure(value, former) },
      INTMS: { write: (mask) => this.#mask(mask) },
      INTMC: { write: (mask) => this.#mask(mask) },
    });
    this.bars = { 0: handlerOf(this.bank, this.#doorbells) };
    if (settings.doorbells === "mapped") {
      const mapped = new MappedDoorbells(device.memory(0), this.engine, this.#doorbells);
      this.#mapped = mapped;
      this.poll = () => mapped.poll();
    }
  }

  reset(cause: ResetCause): void {
    this.#stop();
    this.bank.reset();
    if (cause !== "power-on") return;
    this.disk.clear();
    Object.assign(this.io.use, { reads: 0, writes: 0, bytesRead: 0, bytesWritten: 0 });
  }

  save(): Uint8Array {
    return saveState(this);
  }

  load(state: Uint8Array): void {
    try {
      loadState(this, state);
    } catch (error) {
      this.reset("function");
      throw error;
    }
    this.#mover.pageSize = this.rules.pageSize;
    this.engine.interrupts.mask = this.bank.get("INTMS");
    this.engine.running = (this.bank.get("CSTS") & (READY | FATAL | SHUTDOWN_STATUS)) === READY;
    this.#mapped?.restore();
    this.engine.resume();
  }

  /** What CC says of queues. */
  get rules(): QueueRules {
    const cc = this.bank.get("CC");
    return {
      pageSize: 4096 << fieldOf(cc, CC.fields.MPS),
      submissionsSized: fieldOf(cc, CC.fields.IOSQES) === entrySizes.SUBMISSION,
      completionsSized: fieldOf(cc, CC.fields.IOCQES) === entrySizes.COMPLETION,
    };
  }

  #makeAdmin(device: ModelDevice): AdminCommands {
    const { engine, settings } = this;
    const added = (id: number, side: "submissions" | "completions"): void =>
      this.#mapped?.clear(2 * id + (side === "completions" ? 1 : 0));
    return new AdminCommands({
      settings,
      engine,
      queues: new QueueAdmin(engine, settings, device.interrupts, added),
      mover: this.#mover,
      use: this.io.use,
      rules: () => this.rules,
    });
  }

  /** CC was written (NVM Express Base 1.4, section 3.1.5). */
  #configure(value: number, former: number): void {
    const { EN, SHN } = CC.fields;
    const enabled = fieldOf(value, EN);
    if (enabled < fieldOf(former, EN)) {
      this.#stop();
      this.bank.set("CSTS", 0);
    } else if (enabled > fieldOf(former, EN)) this.#start();
    if (fieldOf(value, SHN) !== 0 && fieldOf(former, SHN) === 0) {
      this.#setShutdown(shutdown.UNDER_WAY);
      this.engine.finish();
    }
  }

  /** Nothing is outstanding, and memory has nothing to write back (section 7.6.2). */
  #endShutdown(): void {
    const status = fieldOf(this.bank.get("CSTS"), CSTS.fields.SHST);
    if (status === shutdown.UNDER_WAY) this.#setShutdown(shutdown.COMPLETE);
  }

  #setShutdown(status: number): void {
    const others = this.bank.get("CSTS") & ~SHUTDOWN_STATUS;
    this.bank.set("CSTS", others | inField(status, CSTS.fields.SHST));
  }

  #start(): void {
    const aqa = this.bank.get("AQA");
    const sizes = [fieldOf(aqa, AQA.fields.ASQS), fieldOf(aqa, AQA.fields.ACQS)] as const;
    const bases = [this.bank.get("ASQ"), this.bank.get("ACQ")] as const;
    if (!this.#canStart(sizes, bases)) {
      this.bank.set("CSTS", FATAL);
      return;
    }
    const completions = new CompletionQueue(0, bases[1], sizes[1] + 1, 0);
    this.engine.addCompletions(completions);
    this.engine.addSubmissions(new SubmissionQueue(0, bases[0], sizes[0] + 1, completions));
    this.#mapped?.clear(0);
    this.#mapped?.clear(1);
    this.#mover.pageSize = this.rules.pageSize;
    this.engine.running = true;
    this.bank.set("CSTS", READY);
  }

  #canStart(sizes: readonly number[], bases: readonly bigint[]): boolean {
    const cc = this.bank.get("CC");
    const { CSS, AMS, MPS } = CC.fields;
    if (fieldOf(cc, CSS) !== 0 || fieldOf(cc, AMS) !== 0 || fieldOf(cc, MPS) > LARGEST_MPS) return false;
    const offsetMask = BigInt(this.rules.pageSize - 1);
    return sizes.every((size) => size > 0) && bases.every((base) => (base & offsetMask) === 0n);
  }

  /** As a reset of the controller: AQA, ASQ and ACQ stay. */
  #stop(): void {
    this.engine.stop();
    this.admin.reset();
    this.bank.set("INTMS", 0);
    this.bank.set("INTMC", 0);
  }

  #mask(mask: number): void {
    this.bank.set("INTMS", mask);
    this.bank.set("INTMC", mask);
    this.engine.interrupts.mask = mask;
  }
}

/** The registers below, the doorbells above, which are too many accesses to look each up in a table. */
function handlerOf(bank: ControllerBank, doorbells: Doorbells): AccessHandler {
  return {
    read: (offset, width) => (offset < DOORBELLS ? bank.read(offset, width) : 0),
    write: (offset, width, value) => {
      if (offset < DOORBELLS) bank.write(offset, width, value);
      else if (width === 4) doorbells.ring((offset - DOORBELLS) / 4, value);
    },
    read64: (offset) => (offset < DOORBELLS ? bank.read64(offset) : 0n),
    write64: (offset, value) => {
      if (offset < DOORBELLS) {
        bank.write64(offset, value);
        return;
      }
      doorbells.ring((offset - DOORBELLS) / 4, Number(value & 0xffff_ffffn));
      doorbells.ring((offset - DOORBELLS) / 4 + 1, Number(value >> 32n));
    },
  };
}
