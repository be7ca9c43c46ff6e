import { failing } from "@userpci/interface/testing";
import { createDomain } from "@userpci/iommu";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Dma } from "./dma.ts";
import { adoptRing, type DmaRing, type DmaRingOptions, type SharedRing } from "./ring.ts";
import { TestMapper } from "./testing/mapper.ts";
import { mapSharedMemory, ShareableSource } from "./testing/shareable.ts";

function opened(memory = new ShareableSource()) {
  const domain = createDomain();
  domain.attach(new TestMapper(), "0000:01:00.0");
  return new Dma({ domain, memory });
}
const made = (options: Partial<DmaRingOptions> = {}): DmaRing =>
  opened().ringSync({ elementSize: 16, count: 8, label: "tx", ...options });

describe.each(["ring", "ringSync"] as const)("%s", (make) => {
  it("lays descriptors out without gaps, at the addresses that it says", async () => {
    const dma = opened();
    const ring = await dma[make]({ elementSize: 24, count: 4, direction: "to-device", alignment: 0x10000 });
    expect([0, 1, 2, 3].map((slot) => ring.offset(slot))).toEqual([0, 24, 48, 72]);
    expect([ring.iova() % 0x10000n, ring.iova(3) - ring.iova(0)]).toEqual([0n, 72n]);
    expect([ring.iovaLo(3), ring.iovaHi(3)]).toEqual([
      Number(ring.iova() & 0xffff_ffffn) + 72,
      Number(ring.iova() >> 32n),
    ]);
    await ring.close();
    expect([ring.closed, dma.buffers().length]).toEqual([true, 0]);
  });

  it.each<[unknown, string, RegExp]>([
    [null, "ERR_INVALID_ARGUMENT", /options must be an object/],
    [{ elementSize: 16, count: 12 }, "ERR_INVALID_ARGUMENT", /count is 12, not a power of two/],
    [{ elementSize: 16, count: 0 }, "ERR_OUT_OF_RANGE", /count is 0/],
    [{ elementSize: 16, count: 16n }, "ERR_INVALID_ARGUMENT", /count must be an integer, not 16n/],
    [{ elementSize: 16, count: 8, capacity: 9 }, "ERR_OUT_OF_RANGE", /capacity is 9, outside 1 to 8/],
    [{ elementSize: 16, count: 8, alignment: 24 }, "ERR_INVALID_ARGUMENT", /alignment is 24/],
  ])("refuses %o", async (options, code, message) => {
    const dma = opened();
    await expect((async () => dma[make](options as never))()).rejects.toEqual(failing(code, message));
    expect(dma.buffers()).toEqual([]);
  });
});

describe("a ring", () => {
  it("counts as a queue does, over any number of passes", () => {
    const step = fc.record({ produce: fc.boolean(), slots: fc.nat(9) });
    const shape = fc.record({ bits: fc.nat(4), spare: fc.nat(1) });
    fc.assert(
      fc.property(shape, fc.array(step, { maxLength: 300 }), ({ bits, spare }, steps) => {
        const count = 2 ** bits;
        const ring = made({ count, capacity: Math.max(count - spare, 1) });
        let [produced, consumed] = [0, 0];
        for (const { produce, slots } of steps) {
          const most = produce ? ring.capacity - (produced - consumed) : produced - consumed;
          const act = (): number => (produce ? ring.produce(slots) : ring.consume(slots));
          if (slots > most) {
            expect(act).toThrow(failing("ERR_OUT_OF_RANGE", /the slots of DMA ring "tx" is/));
            continue;
          }
          if (produce) produced += slots;
          else consumed += slots;
          expect(act()).toBe((produce ? produced : consumed) % count);
          expect([ring.tail, ring.head]).toEqual([produced % count, consumed % count]);
          expect([ring.used, ring.full]).toEqual([produced - consumed, ring.available === 0]);
          expect(ring.empty).toBe(produced === consumed);
        }
        expect([ring.produced, ring.consumed]).toEqual([produced, consumed]);
      }),
    );
  });

  it("leaves a slot free unless it is told that the device needs none", () => {
    const usual = made();
    usual.produce(7);
    expect([usual.full, usual.capacity]).toEqual([true, 7]);
    const whole = made({ capacity: 8 });
    whole.produce(8);
    expect([whole.full, whole.tail, whole.head, whole.used]).toEqual([true, 0, 0, 8]);
  });

  it("goes on where 32 bits of a count end", () => {
    const shared = made().share() as SharedRing & { words: SharedArrayBuffer };
    new Int32Array(shared.words)[32] = -3;
    new Int32Array(shared.words)[64] = -3;
    const ring = adoptRing(shared, mapSharedMemory);
    expect([ring.produced, ring.tail, ring.tailPhase]).toEqual([2 ** 32 - 3, 5, 0]);
    expect([ring.produce(5), ring.used, ring.produced, ring.tailPhase]).toEqual([2, 5, 2, 1]);
    expect([ring.consume(4), ring.used, ring.head]).toEqual([1, 1, 1]);
  });

  it("tells new entries from old ones by their phase, as NVMe does", () => {
    const ring = made({ count: 4 });
    const device = { at: 0, phase: 1 };
    const complete = (): void => {
      ring.u32[ring.offset(device.at) / 4] = device.phase;
      device.at = (device.at + 1) % 4;
      if (device.at === 0) device.phase ^= 1;
    };
    const reap = (): number => {
      let count = 0;
      for (; ring.u32[ring.offset(ring.head) / 4] === ring.headPhase; count++) ring.pass();
      return count;
    };
    // The zeros at first are no entries; three at most are there at once.
    for (const entries of [0, 1, 3, 2, 0, 3, 3, 1]) {
      for (let i = 0; i < entries; i++) complete();
      expect(reap()).toBe(entries);
    }
    expect([ring.consumed, ring.head, ring.empty]).toEqual([13, 1, true]);
  });

  it("is either queue of a pair, as the README has it", () => {
    const dma = opened();
    const sq = dma.ringSync({ elementSize: 64, count: 8, direction: "to-device" });
    const cq = dma.ringSync({ elementSize: 16, count: 4, direction: "from-device" });
    const controller = { head: 0, tail: 0, phase: 1 };
    const execute = (): void => {
      const command = sq.u32[(controller.head * 64) / 4]!;
      controller.head = (controller.head + 1) % 8;
      cq.u32.set([0, 0, controller.head, command | (controller.phase << 16)], (controller.tail * 16) / 4);
      controller.tail = (controller.tail + 1) % 4;
      if (controller.tail === 0) controller.phase ^= 1;
    };
    const submit = (command: number): number => {
      sq.u32.set([command], sq.offset(sq.tail) / 4);
      return sq.produce();
    };
    const done: number[] = [];
    const reap = (): void => {
      for (;;) {
        const at = cq.offset(cq.head) / 4;
        const last = Atomics.load(cq.u32, at + 3);
        if (((last >>> 16) & 1) !== cq.headPhase) return;
        sq.consumeTo(cq.u32[at + 2]! & 0xffff);
        expect(cq.pass()).toBe(controller.tail);
        done.push(last & 0xffff);
      }
    };
    for (let command = 0; command < 30; command++) {
      expect(submit(command)).toBe((command + 1) % 8);
      if (command % 3 !== 2) continue;
      for (let i = 0; i < 3; i++) {
        execute();
        reap();
      }
    }
    expect(done).toEqual([...Array(30).keys()]);
    expect([sq.empty, cq.empty, sq.consumed]).toEqual([true, true, 30]);
  });

  it("follows the head and tail that a device shows, and refuses those that cannot be", () => {
    const ring = made();
    ring.produce(6);
    expect([ring.consumeTo(4), ring.consumeTo(4), ring.head, ring.used]).toEqual([4, 0, 4, 2]);
    expect(() => ring.consumeTo(7)).toThrow(failing("ERR_OUT_OF_RANGE", /is 3, outside 0 to 2/));
    expect(() => ring.consumeTo(3)).toThrow(failing("ERR_OUT_OF_RANGE", /is 7, outside 0 to 2/));
    expect(() => ring.consumeTo(8)).toThrow(failing("ERR_OUT_OF_RANGE", /head is 8, outside 0 to 7/));
    expect([ring.produceTo(3), ring.tail, ring.full]).toEqual([5, 3, true]);
    expect(() => ring.produceTo(4)).toThrow(failing("ERR_OUT_OF_RANGE", /is 1, outside 0 to 0/));
    expect([ring.slot(ring.tail + 7), ring.slot(-1)]).toEqual([2, 7]);
  });

  it("begins anew when its device was reset", () => {
    const ring = made();
    ring.bytes.fill(1);
    ring.produce(5);
    ring.consume(2);
    ring.reset();
    expect([ring.tail, ring.head, ring.used, ring.tailPhase]).toEqual([0, 0, 0, 1]);
    expect(ring.bytes.every((byte) => byte === 0)).toBe(true);
  });

  it("is shared by the one that produces and the one that consumes, and goes with its own thread", async () => {
    const dma = opened();
    const ring = dma.ringSync({ elementSize: 16, count: 8 });
    const consumer = adoptRing(ring.share(), mapSharedMemory);
    ring.produce(5);
    expect([consumer.used, consumer.consume(3), ring.available]).toEqual([5, 3, 5]);
    expect([consumer.capacity, consumer.iova(7)]).toEqual([7, ring.iova(7)]);
    await dma.close();
    for (const use of [
      () => consumer.consume(),
      () => consumer.used,
      () => consumer.empty,
      () => ring.available,
      () => ring.produce(0),
      () => consumer.bytes,
      () => ring.reset(),
    ]) {
      expect(use).toThrow(failing("ERR_CLOSED", /a DMA ring without label is closed/));
    }
    expect(() => adoptRing({ type: "DMA pool" } as never, mapSharedMemory)).toThrow(
      failing("ERR_INVALID_ARGUMENT", /not a shared DMA ring/),
    );
  });

  it.each([
    ["used", 0],
    ["empty", 0],
    ["full", 7],
    ["available", 5],
  ] as const)(
    "is found gone by who waits for %s, when its own thread has ended without a word",
    (what, slots) => {
      const memory = new ShareableSource();
      const ring = opened(memory).ringSync({ elementSize: 16, count: 8 });
      const other = adoptRing(ring.share(), mapSharedMemory);
      ring.produce(slots);
      const wait = (): void => {
        for (let looks = 0; looks < 10_000; looks++) void other[what];
      };
      wait();
      memory.open[0]!.closed = true;
      expect(wait).toThrow(failing("ERR_CLOSED", /is closed/));
      expect(() => other.used).toThrow(failing("ERR_CLOSED", /is closed/));
    },
  );
});
