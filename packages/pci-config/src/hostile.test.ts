import { isPciError } from "@userpci/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBars } from "./bars.ts";
import { check } from "./check.ts";
import { type ConfigSpace, configOf } from "./config.ts";
import { describe as describeConfig } from "./describe.ts";
import { diff } from "./diff.ts";
import { extendedCapabilities } from "./extended.ts";
import { formatConfig } from "./format.ts";
import { msixLayout, vectorCounts } from "./interrupts.ts";
import { standardCapabilities } from "./standard.ts";
import { OutsideRead, strictRegion } from "./testing/regions.ts";
import { STANDARD_SIZE } from "./walk.ts";

// No shrinking: a walk without an end would be walked again for each step of it.
const runs = { numRuns: 100, endOnFailure: true };

// A device may answer anything. Every list below has at most 48 + 960 members, so this many reads is more than any single
// operation can need, and far less than a walk without an end.
const MOST_READS = 200_000;

const sizes = fc.constantFrom(64, 66, 128, 256, 257, 512, 4096, 8192);

/** Bytes at random; most real findings need more sense than that, so most of them begin with a sane header. */
const spaces = sizes.chain((size) =>
  fc
    .tuple(
      fc.uint8Array({ minLength: size, maxLength: size }),
      fc.array(
        fc.tuple(
          fc.nat(size - 4),
          fc.constantFrom(...Object.values(standardCapabilities).map(({ id }) => id)),
          fc.nat(255),
        ),
      ),
      fc.boolean(),
      fc.constantFrom(0, 1, 2, 0x80, 0x7f),
      fc.array(fc.constantFrom(...Object.values(extendedCapabilities).map(({ id }) => id))),
    )
    .map(([bytes, capabilities, sane, layout, extended]) => {
      if (sane) {
        bytes[0x06] = 0x10;
        bytes[0x0e] = layout;
        for (const [offset, id, next] of capabilities) bytes.set([id, next], offset & ~3);
        for (const [turn, id] of extended.entries()) chain(bytes, STANDARD_SIZE + DISTANCE * turn, id);
      }
      return bytes;
    }),
);

/** Bytes from one extended capability to the next: few enough that they run into each other. */
const DISTANCE = 0x14;

function chain(bytes: Uint8Array, at: number, id: number): void {
  if (at + 4 > bytes.length) return;
  const header = id + 2 ** 16 + (at + DISTANCE) * 2 ** 20;
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, header, true);
}

/** Runs what may refuse bytes, and lets only PciErrors pass. */
function attempt(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (error instanceof OutsideRead || !isPciError(error, "ERR_CAPABILITY")) throw error;
  }
}

/** Reads every property of every register that has one. */
function readAll(holder: object): void {
  for (const name in holder) {
    attempt(() => {
      const value: unknown = Reflect.get(holder, name);
      if (Array.isArray(value)) for (const set of value) readAll(set);
      if (typeof value === "object" && value !== null && "read" in value)
        (value as { read(): unknown }).read();
    });
  }
}

const operations: Record<string, (config: ConfigSpace) => unknown> = {
  header: (config) => [config, config.endpoint, config.bridge].map((holder) => holder && readAll(holder)),
  capabilities: (config) => {
    for (const capability of [...config.capabilities(), ...config.extendedCapabilities()]) {
      readAll(capability);
      expect(capability.bytes().length).toBe(capability.length);
    }
  },
  map: (config) => {
    const map = config.map();
    for (let offset = 0; offset < map.size; offset++) map.ownerOf(offset);
  },
  problems: (config) => config.problems,
  bars: (config) => decodeBars(config),
  vectors: (config) => attempt(() => vectorCounts(config)),
  msix: (config) => {
    const msix = config.find("msix");
    if (msix) attempt(() => msixLayout(msix));
  },
  describe: (config) => formatConfig(JSON.parse(JSON.stringify(describeConfig(config)))),
};

describe("arbitrary bytes", () => {
  it.each(Object.keys(operations))("%s: throws nothing else, ends, reads nothing outside", (name) => {
    fc.assert(
      fc.property(spaces, (bytes) => {
        operations[name]!(configOf(strictRegion(bytes, MOST_READS)));
      }),
      runs,
    );
  });

  it("find gives what the list has first", () => {
    fc.assert(
      fc.property(spaces, (bytes) => {
        const config = configOf(strictRegion(bytes, MOST_READS));
        const listed = config.capabilities();
        for (const name of ["pm", "msi", "msix", "pcie", "vendor"] as const) {
          expect(config.find(name)?.offset).toBe(
            listed.find((capability) => capability.name === name)?.offset,
          );
        }
      }),
      runs,
    );
  });

  it("capabilities stay inside their area, and no two start at one place", () => {
    fc.assert(
      fc.property(spaces, (bytes) => {
        const config = configOf(strictRegion(bytes, MOST_READS));
        const starts = new Set<number>();
        for (const { kind, offset, length } of [...config.capabilities(), ...config.extendedCapabilities()]) {
          expect(offset).toBeGreaterThanOrEqual(kind === "standard" ? 64 : 256);
          expect(offset + length).toBeLessThanOrEqual(
            Math.min(bytes.length, kind === "standard" ? 256 : 4096),
          );
          expect(starts.has(offset)).toBe(false);
          starts.add(offset);
        }
      }),
      runs,
    );
  });
});

describe("capabilities that run into each other all over the space", () => {
  const SIZE = 4096;
  const CAPABILITIES = (SIZE - STANDARD_SIZE) / 4;

  /** An extended capability of an id every `distance` bytes, with ones between their headers. */
  function crowded(id: number, distance: number): Uint8Array {
    const bytes = new Uint8Array(SIZE).fill(0xff, STANDARD_SIZE);
    const view = new DataView(bytes.buffer);
    for (let at = STANDARD_SIZE; at < SIZE; at += distance) {
      const next = at + distance < SIZE ? at + distance : 0;
      view.setUint32(at, id + 2 ** 16 + next * 2 ** 20, true);
    }
    return bytes;
  }

  const configIn = (bytes: Uint8Array) => configOf(strictRegion(bytes, MOST_READS));
  const registersOf = (config: ConfigSpace) =>
    describeConfig(config).extendedCapabilities.flatMap(({ registers }) => Object.keys(registers));

  it.each(Object.entries(extendedCapabilities))("%s: no byte is described by two lists", (_, { id }) => {
    for (const distance of [4, 12, 16]) {
      const listed = registersOf(configIn(crowded(id, distance))).filter((name) => name.includes("["));
      expect(listed.length).toBeLessThanOrEqual(SIZE - STANDARD_SIZE);
    }
  });

  it.each(Object.entries(extendedCapabilities))("%s: has at most three problems for each", (_, { id }) => {
    for (const distance of [4, 12, 16]) {
      expect(configIn(crowded(id, distance)).problems.length).toBeLessThanOrEqual(3 * CAPABILITIES);
    }
  });

  it("check finds what problems has, with no more reads than the space has dwords", () => {
    const bytes = crowded(extendedCapabilities.dvsec.id, 4);
    const found = check(configOf(strictRegion(bytes, SIZE / 4)));
    expect(found).toEqual(expect.arrayContaining([...configIn(bytes).problems]));
    expect(diff(configIn(bytes), configIn(bytes))).toEqual([]);
  });
});
