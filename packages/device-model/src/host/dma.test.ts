import { PciError } from "@userpci/interface";
import { describe, expect, it } from "vitest";
import type { DeviceModel, ModelDevice, Task } from "../model.ts";
import { codeOf, command, Events, hosted, mapped, peek, poke } from "../testing/hosting.ts";
import { work, worker } from "../testing/models.ts";

const MASTER = 4;

/** A worker whose device the test has in its hands. */
function held(more: Partial<DeviceModel> = {}): {
  readonly model: DeviceModel;
  readonly device: () => ModelDevice;
} {
  let device: ModelDevice | undefined;
  const { create } = worker();
  const model = worker({
    ...more,
    create(given) {
      device = given;
      return create(given);
    },
  });
  return { model, device: () => device! };
}

/** What a task that does not wait comes to. */
const outcome = (task: Task): string => codeOf(() => task.next());

describe("DMA", () => {
  it("copies through the mappings of the driver, across the end of one", () => {
    using device = hosted(worker());
    const { fn, mapper } = device;
    const first = mapped(mapper, 0x10000n, 4096);
    const second = mapped(mapper, 0x11000n, 4096);
    first.fill(7);
    command(fn, MASTER);
    poke(fn, 0, work.from, 0x10000);
    poke(fn, 0, work.to, 0x10ff8);
    poke(fn, 0, work.copy, 16);
    expect(peek(fn, 0, work.done)).toBe(1);
    expect([...second.subarray(0, 9)]).toEqual([7, 7, 7, 7, 7, 7, 7, 7, 0]);
  });

  it("is a fault without bus mastering, without a mapping, and against its direction; what was before is done", () => {
    const { model, device } = held();
    using host = hosted(model);
    const bytes = new Uint8Array(8).fill(1);
    mapped(host.mapper, 0x10000n, 4096);
    const { dma, config } = device();
    expect(outcome(dma.write(0x10000n, bytes))).toBe("ERR_DMA_FAULT");
    expect(dma.view(0x10000n, 8, "write")).toBeUndefined();
    command(host.fn, MASTER);
    expect(outcome(dma.write(0x10000n, bytes))).toBe("ok");
    expect(config.status.receivedMasterAbort).toBe(true);
    expect(outcome(dma.write(0x10ffcn, bytes))).toBe("ERR_DMA_FAULT");
    expect(dma.view(0x10ffcn, 4, "read")).toEqual(Uint8Array.of(1, 1, 1, 1));
    expect(dma.view(0x10ffcn, 8, "read")).toBeUndefined();
    const memory = host.source.alloc(4096);
    host.mapper.mapSync({ iova: 0x20000n as never, size: 4096, memory, offset: 0, direction: "to-device" });
    expect(outcome(dma.read(0x20000n, bytes))).toBe("ok");
    expect(outcome(dma.write(0x20000n, bytes))).toBe("ERR_DMA_FAULT");
  });

  it("drives no more address bits than the device has", () => {
    const { model, device } = held({ addressBits: 28 });
    using host = hosted(model);
    const bytes = mapped(host.mapper, 0x10000n, 4096);
    command(host.fn, MASTER);
    expect(outcome(device().dma.write(0xff_f001_0000n, Uint8Array.of(9)))).toBe("ok");
    expect(bytes[0]).toBe(9);
    expect(codeOf(() => hosted(worker({ addressBits: 65 })))).toBe("ERR_OUT_OF_RANGE");
  });

  it("goes through a scatter list, and is bounded", () => {
    const { model, device } = held();
    using host = hosted(model);
    const bytes = mapped(host.mapper, 0x10000n, 4096);
    command(host.fn, MASTER);
    const list = [
      { iova: 0x10010n, size: 2 },
      { iova: 0x10000n, size: 1 },
    ];
    const { dma } = device();
    expect(outcome(dma.transfer(list, Uint8Array.of(1, 2, 3), "write"))).toBe("ok");
    expect([bytes[0], bytes[16], bytes[17]]).toEqual([3, 1, 2]);
    expect(outcome(dma.transfer(list, new Uint8Array(2), "write"))).toBe("ERR_OUT_OF_RANGE");
    expect(codeOf(() => dma.view(0x10000n, 2 ** 40, "read"))).toBe("ERR_OUT_OF_RANGE");
    expect(outcome(dma.read(0x1_0000_0000_0000_0000n, new Uint8Array()))).toBe("ok");
  });

  it("that faults in a task that does not care ends the task, and is no fault of the model", () => {
    using host = hosted(worker());
    command(host.fn, MASTER);
    poke(host.fn, 0, work.copy, 16);
    expect([host.faults, peek(host.fn, 0, work.done)]).toEqual([[], 0]);
  });

  it("notes what the device wrote as dirty", () => {
    const { model, device } = held();
    using host = hosted(model);
    mapped(host.mapper, 0x10000n, 0x3000);
    command(host.fn, MASTER);
    host.mapper.dirty.start();
    outcome(device().dma.read(0x10000n, new Uint8Array(8)));
    outcome(device().dma.write(0x11004n, new Uint8Array(8)));
    expect(host.mapper.dirty.take(0x10000n as never, 0x3000)[0]).toBe(2);
  });
});

describe("DMA by messages", () => {
  const unmapped = (iova: bigint) => ({ slices: [], fault: { iova, reason: "unmapped" as const } });

  it("reaches memory that is not mapped here, and the driver's accesses are answered meanwhile", async () => {
    const memory = new Uint8Array(64).fill(5);
    using device = hosted(worker(), {
      dma: {
        translate: unmapped,
        read: async (iova, size) => memory.slice(Number(iova), Number(iova) + size),
        write: async (iova, bytes) => memory.set(bytes, Number(iova)),
      },
    });
    const { fn } = device;
    command(fn, MASTER);
    const events = new Events(fn, "msix");
    poke(fn, 0, work.from, 0);
    poke(fn, 0, work.to, 32);
    poke(fn, 0, work.copy, 4);
    expect(peek(fn, 0, work.done)).toBe(0);
    await events.next();
    expect(peek(fn, 0, work.done)).toBe(1);
    expect([...memory.slice(30, 37)]).toEqual([5, 5, 5, 5, 5, 5, 5]);
  });

  it("that is answered after a reset does nothing any more", async () => {
    const answers: (() => void)[] = [];
    const read = (_iova: bigint, size: number): Promise<Uint8Array> =>
      new Promise((resolve) => answers.push(() => resolve(new Uint8Array(size))));
    using device = hosted(worker(), { dma: { translate: unmapped, read } });
    const { fn, faults } = device;
    command(fn, MASTER);
    poke(fn, 0, work.copy, 4);
    fn.reset();
    for (const answer of answers) answer();
    await new Promise((resolve) => setTimeout(resolve, 2));
    expect([answers.length, peek(fn, 0, work.done), fn.pending, faults]).toEqual([1, 0, false, []]);
  });

  it.each([
    ["refuses", () => Promise.reject(new PciError("EFAULT", "no such page"))],
    ["gives too little", () => Promise.resolve(new Uint8Array(1))],
  ])("is a fault where the owner %s", async (_what, read) => {
    const { model, device } = held();
    using host = hosted(model, { dma: { translate: unmapped, read } });
    command(host.fn, MASTER);
    const found = new Promise((resolve) => {
      device().run(
        (function* () {
          try {
            yield* device().dma.read(0n, new Uint8Array(4));
          } catch (error) {
            resolve((error as PciError).code);
          }
        })(),
      );
    });
    expect(await found).toBe("ERR_DMA_FAULT");
  });
});
