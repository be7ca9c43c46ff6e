import { describe, expect, it } from "vitest";
import type { ExtendedCapabilityToBuild } from "../builder/index.ts";
import { describe as describeConfig } from "../describe.ts";
import { expressFunction } from "../testing/express-function.ts";

const decode = (...capabilities: ExtendedCapabilityToBuild[]) =>
  expressFunction({ capabilities: { version: 2, flitMode: true } }, ...capabilities);

describe("flit mode", () => {
  it("logs errors by lane, and clears an entry without touching the rest", () => {
    const log = decode({
      name: "flitLogging",
      registers: { log1: { valid: true, width: 3, following: 0x1f, parity0: 0xaa } },
      lists: { lanes: [{ correctable: 1 }, { correctable: 2 }] },
    }).findExtended("flitLogging")!;
    expect(log.lanes.map(({ correctable }) => correctable)).toEqual([1, 2, ...Array(14).fill(0)]);
    expect(log.log1.read()).toMatchObject({ valid: true, width: 3, following: 0x1f, parity0: 0xaa });
    log.log1.update({ valid: true });
    expect(log.log1.raw).toBe(0x00aa_1f07);
  });

  it("measures as many transitions as it has trackers for", () => {
    const trackersOf = (trackers: number) =>
      decode({ name: "flitPerformance", registers: { capabilities: { trackers } } }).findExtended(
        "flitPerformance",
      )!.trackers.length;
    expect([0, 3, 5, 7].map(trackersOf)).toEqual([0, 3, 5, 5]);
  });

  it("tells of injected errors in words", () => {
    const config = decode({
      name: "flitErrorInjection",
      registers: { control1: { speed64: true, flitType: 4 }, orderedSetReceived: { skp: 2 } },
    });
    expect(describeConfig(config).extendedCapabilities[0]!.registers).toMatchObject({
      control1: { raw: 0x8000_0100, words: { flitType: "IDLE" } },
      orderedSetReceived: { raw: 0x80, words: { skp: "completed" } },
    });
  });

  it("has a mask of alternate protocols only where it says so, as long as their number asks for", () => {
    const lengthOf = (count: number, selectiveEnable: boolean) => {
      const registers = { capabilities: { count, selectiveEnable } };
      const protocol = decode({ name: "alternateProtocol", registers }).findExtended("alternateProtocol")!;
      return [protocol.length, protocol.enableMask];
    };
    expect(lengthOf(3, false)).toEqual([0x14, undefined]);
    expect(lengthOf(3, true)).toEqual([0x18, 0]);
    expect(lengthOf(33, true)).toEqual([0x1c, 0]);
  });
});
