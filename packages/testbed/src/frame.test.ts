import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeFrame, FRAME, FrameReader, type FrameType, HEADER_BYTES, MAX_PAYLOAD } from "./frame.ts";

const frame = fc.record({
  type: fc.constantFrom<FrameType>(...Object.values(FRAME)),
  id: fc.integer({ min: 0, max: 0xffff_ffff }),
  payload: fc.uint8Array({ maxLength: 40 }),
});

test("frames arrive whole and in order however the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(frame),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (frames, cuts) => {
        const stream = Buffer.concat(frames.map(({ type, id, payload }) => encodeFrame(type, id, payload)));
        const reader = new FrameReader();
        const received = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = cuts[turn % cuts.length]!;
          received.push(...reader.push(stream.subarray(at, at + size)));
          at += size;
        }
        expect(received.map((item) => ({ ...item, payload: [...item.payload] }))).toEqual(
          frames.map((item) => ({ ...item, payload: [...item.payload] })),
        );
      },
    ),
  );
});

test("an unknown type is refused before its payload is awaited", () => {
  const bytes = encodeFrame(FRAME.ping, 1);
  bytes.writeUInt8(200, 8);
  expect(() => new FrameReader().push(bytes)).toThrow(
    expect.objectContaining({ code: "ERR_TESTBED_PROTOCOL" }),
  );
});

test("a length from nonsense is refused, not allocated", () => {
  const bytes = encodeFrame(FRAME.ping, 1);
  bytes.writeUInt32LE(MAX_PAYLOAD + 1, 0);
  expect(() => new FrameReader().push(bytes.subarray(0, HEADER_BYTES))).toThrow(/at most/);
  expect(() => encodeFrame(FRAME.stdout, 1, Buffer.alloc(MAX_PAYLOAD + 1))).toThrow(/at most/);
});
