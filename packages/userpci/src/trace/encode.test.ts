import { failing } from "@userpci/interface/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { decodeContent, encodeContent, MAGIC } from "./encode.ts";
import { Recorder } from "./recorder.ts";
import { readRecording, readRecordingSync } from "./recording.ts";
import type { TraceContent, TraceEvent } from "./trace-event.ts";

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const size = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)));
const error = fc.record({ code: fc.string(), message: fc.string() });
const place = { region: fc.nat(40), mapped: fc.boolean(), offset: size };
const kind = fc.constantFrom("read", "write");

const content = fc.oneof(
  fc
    .constantFrom(1, 2, 4)
    .chain((width) =>
      fc.record({ kind, ...place, width: fc.constant(width), value: fc.nat(2 ** (8 * width) - 1) }),
    ),
  fc.record({ kind, ...place, width: fc.constant(8), value: u64 }),
  fc.record({ kind: fc.constant("interrupt"), target: fc.nat(), count: size }),
  fc.record({ kind: fc.constantFrom("memory", "answer"), iova: u64, bytes: fc.uint8Array() }),
  fc.record({ kind: fc.constant("map"), iova: u64, size, direction: fc.constant("to-device") }),
  fc.record({ kind: fc.constant("unmap"), iova: u64, size }),
  fc.record({ kind: fc.constant("call"), method: fc.string(), args: fc.array(json), result: json }),
  fc.record({ kind: fc.constant("call"), method: fc.string(), args: fc.array(json), error }),
  fc.record({ kind: fc.constant("result"), pending: fc.nat(), error }),
) as fc.Arbitrary<TraceContent>;

/** A recording of events that happen a millisecond apart. */
function recorded(contents: readonly TraceContent[]): Uint8Array {
  const chunks: Uint8Array[] = [];
  let now = 0;
  const recorder = new Recorder({ write: (bytes) => chunks.push(bytes) }, () => now++);
  for (const each of contents) recorder.note(3, each);
  recorder.flush();
  return Buffer.concat(chunks);
}

async function collect(source: AsyncIterable<TraceEvent>): Promise<TraceEvent[]> {
  const events: TraceEvent[] = [];
  for await (const event of source) events.push(event);
  return events;
}

describe("a recording", () => {
  it("gives back what was written, with its time and device", () => {
    fc.assert(
      fc.property(fc.array(content, { maxLength: 8 }), (contents) => {
        const events = readRecordingSync(recorded(contents));
        const expected = contents.map((each, index) => ({ ...each, time: (index + 1) * 1000, device: 3 }));
        expect(events).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it("can be read in pieces of any size", async () => {
    const bytes = recorded([
      { kind: "write", region: 0, mapped: true, width: 4, offset: 0x98, value: 7 },
      { kind: "memory", iova: 0x1000n, bytes: Uint8Array.of(1, 2, 3) },
      { kind: "call", method: "relax", args: [] },
    ]);
    for (let step = 1; step <= bytes.length; step++) {
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += step) pieces.push(bytes.subarray(at, at + step));
      expect(await collect(readRecording(pieces))).toEqual(readRecordingSync(bytes));
    }
  });

  it("that is cut off gives the events before, and says so", () => {
    const bytes = recorded([
      { kind: "unmap", iova: 0x1000n, size: 4096 },
      { kind: "unmap", iova: 0x2000n, size: 4096 },
    ]);
    expect(() => readRecordingSync(bytes.subarray(0, -1))).toThrow(
      failing("ERR_PROTOCOL", /in the middle of an event/),
    );
  });

  it("takes few bytes for an access", () => {
    const access = { kind: "read", region: 0, mapped: true, width: 4, offset: 0x20, value: 0x81 } as const;
    expect(recorded(Array.from({ length: 1000 }, () => access)).length - MAGIC.length).toBeLessThanOrEqual(
      8000,
    );
  });

  it("of arbitrary bytes is an error, never anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const reader = new ByteReader(bytes);
        try {
          decodeContent(reader);
        } catch (thrown) {
          expect(thrown).toMatchObject({ name: "PciError", code: "ERR_PROTOCOL" });
        }
      }),
      { numRuns: 500 },
    );
  });

  it("of another format is told from what is none", () => {
    expect(() => readRecordingSync(Buffer.from("userpci trace 2\n"))).toThrow(
      failing("ERR_NOT_SUPPORTED", /format/),
    );
    expect(() => readRecordingSync(Buffer.from("\x7fELF\0\0\0\0\0\0\0\0\0\0\0\0"))).toThrow(
      failing("ERR_PROTOCOL", /does not begin as one/),
    );
  });
});

it("a number of any size comes back", () => {
  fc.assert(
    fc.property(u64, size, (wide, narrow) => {
      const writer = new ByteWriter();
      writer.bigint(wide);
      writer.number(narrow);
      const reader = new ByteReader(writer.take());
      expect([reader.bigint(), reader.number()]).toEqual([wide, narrow]);
    }),
  );
});

it("an event whose kind does not exist is refused", () => {
  const writer = new ByteWriter();
  writer.number(99);
  expect(() => decodeContent(new ByteReader(writer.take()))).toThrow(failing("ERR_PROTOCOL", /no such kind/));
  const whole = new ByteWriter();
  encodeContent(whole, { kind: "call", method: "reset", args: [], pending: 1 });
  expect(decodeContent(new ByteReader(whole.take()))).toEqual({
    kind: "call",
    method: "reset",
    args: [],
    pending: 1,
  });
});
