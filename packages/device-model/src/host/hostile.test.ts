import { irqKinds, isPciError } from "@userpci/interface";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { HostedFunction } from "../host/hosted-function.ts";
import { hosted } from "../testing/hosting.ts";
import { type Access, recorder, worker } from "../testing/models.ts";

const number = fc.oneof(
  fc.integer({ min: -2, max: 70 }),
  fc.integer({ min: -5, max: 0x5000 }),
  fc.double(),
  fc.integer(),
);
const region = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(0, 1, 2, 6, 7) },
  { weight: 1, arbitrary: number },
);
const bytes = fc.uint8Array({ maxLength: 24 });
const kind = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...irqKinds) },
  { weight: 1, arbitrary: fc.string() },
);
const sink = fc.constantFrom(null, { signal: () => undefined });
const sinks = fc.array(sink, { maxLength: 6 });

/** Whatever a user can ask, with arguments that make sense and that do not. */
const calls = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant("write" as const), region, number, bytes) },
  { weight: 6, arbitrary: fc.tuple(fc.constant("read" as const), region, number, bytes) },
  fc.tuple(fc.constant("regionInfo" as const), number),
  fc.tuple(fc.constant("mappable" as const), number),
  fc.tuple(fc.constant("irqInfo" as const), kind),
  fc.tuple(fc.constant("setIrqs" as const), kind, number, sinks),
  fc.tuple(
    fc.constantFrom("maskIrqs" as const, "unmaskIrqs" as const, "triggerIrqs" as const),
    kind,
    number,
    number,
  ),
  fc.tuple(fc.constant("disableIrqs" as const), kind),
  fc.tuple(
    fc.constantFrom(
      "reset" as const,
      "busReset" as const,
      "request" as const,
      "step" as const,
      "open" as const,
      "close" as const,
      "unplug" as const,
      "replug" as const,
    ),
  ),
);

function play(fn: HostedFunction, played: readonly (readonly unknown[])[]): void {
  for (const [name, ...args] of played) {
    const method = fn[name as "read"] as (...args: unknown[]) => unknown;
    try {
      method.apply(fn, args);
    } catch (error) {
      // Anything else is a fault of the host's own.
      if (!isPciError(error)) throw error;
      expect(error.hint).toBeTypeOf("string");
    }
  }
}

it("whatever a user does, models get aligned accesses inside their BARs, and users get PciErrors", () => {
  const accesses: Access[] = [];
  fc.assert(
    fc.property(fc.array(calls, { maxLength: 40 }), (played) => {
      using device = hosted(recorder(accesses));
      play(device.fn, played);
      expect(device.faults).toEqual([]);
      for (const [offset, width] of accesses.splice(0)) {
        expect(offset % width === 0 && offset >= 0 && offset + width <= 0x1000).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});

it("whatever a user does, the next one finds the device as after power-on", () => {
  fc.assert(
    fc.property(fc.array(calls, { maxLength: 40 }), (played) => {
      using device = hosted(worker(), { msixTable: "hide" });
      const { fn } = device;
      const look = (): Buffer =>
        Buffer.concat(
          [0, 2, 6, 7].map((index) => {
            const target = new Uint8Array(fn.regionInfo(index).size);
            fn.read(index, 0, target);
            return target;
          }),
        );
      const before = look();
      play(fn, played);
      fn.close();
      fn.replug();
      fn.open();
      expect(look().equals(before)).toBe(true);
    }),
    { numRuns: 25 },
  );
});
