import type { DeviceModel, ModelDevice, ModelInstance, Task } from "@userpci/device-model";
import { registerBank, registerTable } from "@userpci/device-model/registers";

/** Registers of BAR 0, as `c/vfio-user/device.h` has them. */
export const registers = registerTable("peer", {
  ID: { offset: 0x00, width: 32, access: "ro", reset: 0x7c010001, doc: "Identification" },
  SCRATCH: { offset: 0x04, width: 32, access: "rw", doc: "Keeps what was written" },
  SCRATCH64: { offset: 0x08, width: 64, access: "rw", doc: "Keeps what was written" },
  DOORBELL: {
    offset: 0x10,
    width: 32,
    access: "wo",
    doc: "A vector",
    effect: "signals it, or asserts INTx while MSI-X is off",
  },
  DOORBELLS: { offset: 0x14, width: 32, access: "ro", doc: "How often the doorbell was rung" },
  LINE: { offset: 0x18, width: 32, access: "rw1c", doc: "1 while INTx is asserted" },
  ADDRESS: { offset: 0x20, width: 64, access: "rw", doc: "Of DMA" },
  SIZE: { offset: 0x28, width: 32, access: "rw", doc: "Of DMA, in bytes" },
  COMMAND: {
    offset: 0x2c,
    width: 32,
    access: "rw",
    doc: "What DMA to do",
    effect: "does it",
    fields: {
      FROM_MEMORY: { lo: 0, doc: "Memory to the start of BAR 2" },
      TO_MEMORY: { lo: 1, doc: "The start of BAR 2 to memory" },
      SIGNAL: { lo: 8, doc: "Signals a vector afterwards" },
      VECTOR: { lo: 16, hi: 23, doc: "Which" },
    },
  },
  STATUS: { offset: 0x30, width: 32, access: "ro", doc: "Of DMA: 0 done, 1 busy, 2 an address faulted" },
});

const status = { DONE: 0, BUSY: 1, FAULT: 2 } as const;
const command = { TO_MEMORY: 2, SIGNAL: 0x100, VECTOR_SHIFT: 16 } as const;
const VECTORS = 4;
const PAGE = 4096;

/**
 * The device of `c/vfio-user/device.h`, as a model: what serves it must answer the same bytes.
 *
 * @param mappable whether a part of BAR 2 can be mapped, as it says there. A server looks at such memory all the time
 */
export function peer(mappable = true): DeviceModel {
  return {
    name: "peer",
    config: {
      vendorId: 0x1234,
      deviceId: 0x7c01,
      revisionId: 1,
      classCode: 0xff0000,
      subsystemVendorId: 0x1234,
      subsystemId: 0x7c01,
      interruptPin: 1,
      capabilities: [
        {
          name: "msix",
          registers: {
            control: { tableSize: VECTORS - 1 },
            table: { bar: 4, offset: 0 },
            pba: { bar: 4, offset: 0x800 },
          },
        },
        {
          name: "advancedFeatures",
          registers: { capabilities: { functionLevelReset: true, transactionsPending: true } },
        },
      ],
    },
    bars: {
      0: { kind: "memory32", size: PAGE, registers },
      2: {
        kind: "memory32",
        size: 4 * PAGE,
        memory: [0, 1, 2, 3].map((page) => ({
          offset: page * PAGE,
          size: PAGE,
          mappable: mappable && page % 2 === 1,
        })),
      },
      4: { kind: "memory32", size: PAGE },
    },
    create,
  };
}

function create(device: ModelDevice): ModelInstance {
  const bank = registerBank(registers, {
    DOORBELL: { write: ring },
    LINE: { write: (value) => device.interrupts.setLine(value !== 0) },
    COMMAND: { write: begin },
  });

  function ring(vector: number): void {
    bank.set("DOORBELLS", bank.get("DOORBELLS") + 1);
    if (device.interrupts.mode === "msix") device.interrupts.signal(vector);
    else {
      bank.set("LINE", 1);
      device.interrupts.setLine(true);
    }
  }

  function begin(): void {
    if (bank.get("STATUS") === status.BUSY) return;
    const fits = bank.get("SIZE") <= PAGE;
    bank.set("STATUS", fits ? status.BUSY : status.FAULT);
    if (fits) device.run(move());
  }

  function* move(): Task {
    const todo = bank.get("COMMAND");
    const bytes = device.memory(2, 0).subarray(0, bank.get("SIZE"));
    const iova = bank.get("ADDRESS");
    // What has rung it is answered first.
    yield* device.time.sleep(0);
    let ended: number = status.DONE;
    try {
      yield* todo & command.TO_MEMORY ? device.dma.write(iova, bytes) : device.dma.read(iova, bytes);
    } catch {
      ended = status.FAULT;
    }
    bank.set("STATUS", ended);
    if (todo & command.SIGNAL) device.interrupts.signal((todo >>> command.VECTOR_SHIFT) & 0xff);
  }

  return {
    bars: { 0: bank },
    reset: () => bank.reset(),
    save: () => bank.save(),
    load(state) {
      bank.load(state);
      if (bank.get("STATUS") === status.BUSY) device.run(move());
    },
  };
}

/** A device that is nothing but memory, all of which can be mapped. */
export function ram(): DeviceModel {
  return {
    name: "ram",
    config: { vendorId: 0x1234, deviceId: 0x7c02, classCode: 0x050000 },
    bars: { 0: { kind: "memory32", size: PAGE, memory: [{ offset: 0, size: PAGE, mappable: true }] } },
    create: () => ({ reset: () => undefined }),
  };
}
