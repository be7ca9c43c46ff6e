import { registersOf } from "@userpci/device-model/registers";
import type { DmaBuffer, OwnedRegion, PciDevice } from "userpci";
import { adminOpcode, ioOpcode, nvmeFeature, nvmeStatus } from "../commands.ts";
import { inField } from "../fields.ts";
import { nvmeRegisters } from "../registers.ts";
import { type Bells, type Command, type Done, QueuePair } from "./queue-pair.ts";

/** Milliseconds that a controller may take, which may be in another process. */
const LONGEST_WAIT = 10_000;

/** How the driver is to work. */
export interface DriverOptions {
  /** I/O queue pairs. Default 1. */
  readonly queues?: number;
  /** Entries of each queue. Default 16. */
  readonly depth?: number;
  /** Vector of each completion queue; undefined for none. Default: none. */
  readonly vector?: (queue: number) => number | undefined;
}

/** CC for queues of ordinary entries and pages of 4 KiB. */
const { CC, CSTS } = nvmeRegisters.rows;
const configuration = inField(6, CC.fields.IOSQES) | inField(4, CC.fields.IOCQES);

const registersIn = (region: OwnedRegion) => registersOf(nvmeRegisters, region);

/** The least of a driver that tests need: it polls, and checks nothing. */
export class TestDriver implements Disposable {
  readonly device: PciDevice;
  readonly registers: ReturnType<typeof registersIn>;
  readonly region: OwnedRegion;
  readonly admin: QueuePair;
  readonly queues: QueuePair[] = [];
  readonly #bells: Bells;

  private constructor(device: PciDevice) {
    this.device = device;
    device.config.command.update({ memory: true, busMaster: true });
    this.region = device.bar(0).map();
    this.registers = registersIn(this.region);
    this.#bells = {
      tail: (queue, value) => this.region.write32(0x1000 + 8 * queue, value),
      head: (queue, value) => this.region.write32(0x1004 + 8 * queue, value),
    };
    this.admin = new QueuePair(device, 0, this.#bells, 16);
  }

  /** Enables the controller and makes the queues. */
  static start(device: PciDevice, options: DriverOptions = {}): TestDriver {
    const driver = new TestDriver(device);
    driver.enable();
    const { queues = 1, depth = 16, vector = () => undefined } = options;
    driver.perform(driver.admin, {
      opcode: adminOpcode.SET_FEATURES,
      dwords: [nvmeFeature.NUMBER_OF_QUEUES, (queues - 1) | ((queues - 1) << 16)],
    });
    for (let id = 1; id <= queues; id++) driver.addQueue(id, depth, vector(id));
    return driver;
  }

  /** Tells where the admin queues are, and enables. @returns CSTS */
  enable(): number {
    const { registers, admin } = this;
    const size = admin.submissions.count - 1;
    admin.submissions.reset();
    admin.completions.reset();
    registers.AQA.write(size | (size << 16));
    registers.ASQ.write(admin.submissions.iova());
    registers.ACQ.write(admin.completions.iova());
    registers.CC.write(configuration | 1);
    this.until(
      () => (registers.CSTS.read() & (inField(1, CSTS.fields.RDY) | inField(1, CSTS.fields.CFS))) !== 0,
    );
    return registers.CSTS.read();
  }

  /** Resets the controller: its queues are gone. */
  disable(): void {
    this.registers.CC.write(configuration);
    this.until(() => this.registers.CSTS.get("RDY") === 0);
    for (const queue of this.queues.splice(0)) queue[Symbol.dispose]();
  }

  /** Makes a pair of I/O queues. */
  addQueue(id: number, depth = 16, vector?: number, completions = depth): QueuePair {
    const pair = new QueuePair(this.device, id, this.#bells, depth, completions);
    const interrupts = vector === undefined ? 0 : 0b10 | (vector << 16);
    const made = [
      this.perform(this.admin, {
        opcode: adminOpcode.CREATE_IO_CQ,
        prp1: pair.completions.iova(),
        dwords: [id | ((completions - 1) << 16), 1 | interrupts],
      }),
      this.perform(this.admin, {
        opcode: adminOpcode.CREATE_IO_SQ,
        prp1: pair.submissions.iova(),
        dwords: [id | ((depth - 1) << 16), 1 | (id << 16)],
      }),
    ];
    for (const { status } of made) {
      if (status !== nvmeStatus.SUCCESS) throw new Error(`queue ${id} was refused: 0x${status.toString(16)}`);
    }
    this.queues.push(pair);
    return pair;
  }

  /** Submits a command and waits for its completion, which must be the next. */
  perform(queue: QueuePair, command: Command): Done {
    const commandId = queue.submit(command);
    const done = this.wait(queue);
    if (done.commandId !== commandId) throw new Error(`command ${done.commandId} is over, not ${commandId}`);
    return done;
  }

  /** Waits for the next completion. */
  wait(queue: QueuePair): Done {
    let done: Done | undefined;
    this.until(() => {
      done = queue.reap();
      return done !== undefined;
    });
    return done!;
  }

  /** Lets the device take steps until a condition holds. */
  until(condition: () => boolean): void {
    const deadline = performance.now() + LONGEST_WAIT;
    for (let look = 0; look % 1000 !== 0 || performance.now() < deadline; look++) {
      if (condition()) return;
      this.device.relax();
    }
    throw new Error("the controller does not answer");
  }

  /** Reads or writes blocks of a buffer that begins at a page. */
  transfer(kind: "read" | "write", block: number, blocks: number, prps: Prps, queue = this.queues[0]!): Done {
    return this.perform(queue, transferOf(kind, block, blocks, prps));
  }

  [Symbol.dispose](): void {
    for (const queue of [...this.queues, this.admin]) queue[Symbol.dispose]();
    this.region.close();
  }
}

/** Where the data of a command is. */
export interface Prps {
  readonly prp1: bigint;
  readonly prp2?: bigint;
}

/** A command that reads or writes blocks. */
export function transferOf(kind: "read" | "write", block: number, blocks: number, prps: Prps): Command {
  const dwords = [block >>> 0, Math.floor(block / 2 ** 32), blocks - 1];
  return { opcode: kind === "read" ? ioOpcode.READ : ioOpcode.WRITE, nsid: 1, ...prps, dwords };
}

/**
 * PRP entries for a range of a buffer, with the list at `listOffset` of another, and continued at the pages behind that.
 *
 * @param listOffset a multiple of 8
 */
export function prpsOf(
  buffer: DmaBuffer,
  offset: number,
  length: number,
  list: DmaBuffer,
  listOffset = 0,
): Prps {
  const prp1 = buffer.iova + BigInt(offset);
  const first = 4096 - (offset % 4096);
  const pages: bigint[] = [];
  for (let at = first; at < length; at += 4096) pages.push(prp1 + BigInt(at));
  if (pages.length === 0) return { prp1 };
  if (pages.length === 1) return { prp1, prp2: pages[0]! };
  const entries = new BigUint64Array(list.bytes.buffer, list.bytes.byteOffset, list.size / 8);
  let at = listOffset / 8;
  for (const [i, page] of pages.entries()) {
    const left = pages.length - i;
    if (at % 512 === 511 && left > 1) {
      entries[at] = list.iova + BigInt((at + 1) * 8);
      at += 1;
    }
    entries[at++] = page;
  }
  return { prp1, prp2: list.iova + BigInt(listOffset) };
}
