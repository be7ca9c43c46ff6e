import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codeOf, command, Events, hosted, peek, poke } from "../testing/hosting.ts";
import { recorder, work, worker } from "../testing/models.ts";

const MASTER = 4;

/** A state in the middle of work. */
function saved(): Uint8Array {
  using device = hosted(worker());
  const { fn } = device;
  command(fn, MASTER);
  poke(fn, 7, 0x10, 0xfea0_0000);
  poke(fn, 7, 0x3c, 11, 1);
  poke(fn, 0, work.from, 5);
  poke(fn, 0, work.memory + 12, 77);
  fn.setIrqs("msix", 0, [null, null]);
  poke(fn, 0, work.signal, 1);
  poke(fn, 0, work.start, 10);
  fn.migration!.stop();
  return fn.migration!.save();
}

describe("migration", () => {
  it("goes on elsewhere with what the device was doing", () => {
    const state = saved();
    using device = hosted(worker());
    const { fn } = device;
    fn.migration!.stop();
    fn.migration!.load(state);
    expect([peek(fn, 7, 4, 2) & 7, peek(fn, 7, 0x10), peek(fn, 7, 0x3c, 1)]).toEqual([7, 0xfea0_0004, 11]);
    expect([peek(fn, 0, work.from), peek(fn, 0, work.memory + 12), peek(fn, 0, work.msixPending)]).toEqual([
      5, 77, 2,
    ]);
    const events = new Events(fn, "msix", 2);
    expect(events.counts).toEqual([0, 0]);
    fn.migration!.run();
    expect(events.counts).toEqual([0, 1]);
    for (let i = 0; i < 11; i++) fn.step();
    expect(events.counts).toEqual([1, 1]);
  });

  it("holds tasks and interrupts back while stopped, and answers accesses", () => {
    using device = hosted(worker());
    const { fn } = device;
    command(fn, MASTER);
    const events = new Events(fn, "msix");
    fn.migration!.stop();
    poke(fn, 0, work.signal, 0);
    poke(fn, 0, work.start, 0);
    for (let i = 0; i < 5; i++) fn.step();
    expect([events.counts, peek(fn, 0, work.done), fn.pending]).toEqual([[0], 0, false]);
    fn.migration!.run();
    expect(events.counts).toEqual([1]);
    for (let i = 0; i < 5; i++) fn.step();
    expect(events.counts).toEqual([2]);
  });

  it("tells how many bytes a state has, also of a device that runs", () => {
    using device = hosted(worker());
    const { fn } = device;
    const before = fn.migration!.size();
    poke(fn, 0, work.from, 5);
    expect(fn.migration!.size()).toBeGreaterThan(before);
    const running = fn.migration!.size();
    fn.migration!.stop();
    expect([running, fn.migration!.size()]).toEqual(Array(2).fill(fn.migration!.save().length));
    device.fn.close();
    expect(codeOf(() => fn.migration!.size())).toBe("ERR_CLOSED");
  });

  it("is there only for models that can, and only while stopped", () => {
    using plain = hosted(recorder([]));
    expect(plain.fn.migration).toBeUndefined();
    using device = hosted(worker());
    expect(codeOf(() => device.fn.migration!.save())).toBe("ERR_BUSY");
    expect(codeOf(() => device.fn.migration!.load(saved()))).toBe("ERR_BUSY");
    device.fn.close();
    expect(codeOf(() => device.fn.migration!.stop())).toBe("ERR_CLOSED");
  });

  it("refuses states that are cut off, longer, of another model, or changed in their head, and changes nothing", () => {
    const state = saved();
    using device = hosted(worker());
    using other = hosted(worker({ name: "another" }));
    const { fn } = device;
    poke(fn, 0, work.from, 9);
    fn.migration!.stop();
    other.fn.migration!.stop();
    expect(codeOf(() => other.fn.migration!.load(state))).toBe("ERR_PROTOCOL");
    const head = state.slice();
    head[4] = 0;
    const wrong = [head, Uint8Array.of(...state, 0), new Uint8Array(), {} as never];
    expect(wrong.map((bytes) => codeOf(() => fn.migration!.load(bytes)))).toEqual([
      "ERR_PROTOCOL",
      "ERR_PROTOCOL",
      "ERR_PROTOCOL",
      "ERR_INVALID_ARGUMENT",
    ]);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: state.length - 1 }), (length) => {
        expect(codeOf(() => fn.migration!.load(state.subarray(0, length)))).toBe("ERR_PROTOCOL");
      }),
    );
    expect(peek(fn, 0, work.from)).toBe(9);
  });

  it("takes the level of the line along, which interrupts whoever enables it", () => {
    using device = hosted(worker());
    poke(device.fn, 0, work.start, 0);
    peek(device.fn, 0, 0);
    device.fn.migration!.stop();
    const state = device.fn.migration!.save();
    using other = hosted(worker());
    other.fn.migration!.stop();
    other.fn.migration!.load(state);
    const events = new Events(other.fn, "intx");
    expect(events.counts).toEqual([0]);
    other.fn.migration!.run();
    expect(events.counts).toEqual([1]);
    poke(other.fn, 0, work.done, 0);
    other.fn.unmaskIrqs("intx", 0, 1);
    expect(events.counts).toEqual([1]);
  });

  it("leaves a device that is reset where the model refuses the state", () => {
    const { create } = worker();
    const load = (): void => {
      throw new TypeError("not mine");
    };
    using device = hosted(worker({ create: (given) => ({ ...create(given), load }) }));
    const { fn } = device;
    poke(fn, 0, work.from, 9);
    fn.migration!.stop();
    expect(codeOf(() => fn.migration!.load(saved()))).toBe("ERR_PROTOCOL");
    expect([peek(fn, 0, work.from), peek(fn, 0, work.memory + 12)]).toEqual([0, 0]);
  });

  it("leaves a sound device, whatever bytes of a state are wrong", () => {
    const state = saved();
    using device = hosted(worker());
    const { fn } = device;
    fn.migration!.stop();
    const change = fc.record({
      at: fc.integer({ min: 0, max: state.length - 1 }),
      value: fc.integer({ min: 0, max: 255 }),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const bytes = state.slice();
        for (const { at, value } of changes) bytes[at] = value;
        expect(["ok", "ERR_PROTOCOL"]).toContain(codeOf(() => fn.migration!.load(bytes)));
        expect([peek(fn, 7, 0), peek(fn, 7, 0x34, 1)]).toEqual([0xabcd_1234, 0x40]);
      }),
      { numRuns: 40 },
    );
    expect(device.faults).toEqual([]);
  });
});
