import { isPciError, PciError } from "@userpci/interface";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  agreedMinor,
  type Capabilities,
  decodeMessage,
  decodeRegionInfo,
  decodeReply,
  decodeRequest,
  decodeVersion,
  defaultCapabilities,
  encodeRegionInfo,
  encodeReply,
  encodeRequest,
  encodeVersion,
  errnoOf,
  errorOf,
  limits,
} from "./index.ts";

const refused = (work: () => unknown): boolean => {
  try {
    work();
    return true;
  } catch (error) {
    if (!isPciError(error, "ERR_PROTOCOL")) throw error;
    return false;
  }
};

/** Bytes with a header that is sound as far as its size goes, so that what follows it is looked at. */
const almostMessage = fc
  .tuple(
    fc.uint8Array({ maxLength: 120 }),
    fc.integer({ min: 0, max: 20 }),
    fc.constantFrom(0, 1, 0x10, 0x21, 0x31, 3),
  )
  .map(([body, command, flags]) => {
    const bytes = new Uint8Array(limits.header + body.length);
    new DataView(bytes.buffer).setUint16(2, command, true);
    new DataView(bytes.buffer).setUint32(4, bytes.length, true);
    new DataView(bytes.buffer).setUint32(8, flags, true);
    bytes.set(body, limits.header);
    return bytes;
  });

describe("what a peer sends", () => {
  test("any bytes are a message or ERR_PROTOCOL", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void refused(() => decodeMessage(bytes))),
    );
    fc.assert(fc.property(almostMessage, (bytes) => void refused(() => decodeMessage(bytes))));
  });

  test("any payload is a VERSION, and a region, or ERR_PROTOCOL", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void refused(() => decodeVersion(bytes))),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => void refused(() => decodeRegionInfo(bytes))),
    );
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (json) => {
        const text = new TextEncoder().encode(`\0\0\0\0${json}\0`);
        refused(() => decodeVersion(text));
      }),
    );
  });

  test("a size of its own that the message does not have is refused, and so is data it does not say", () => {
    const write = encodeRequest("regionWrite", 1, { offset: 0n, region: 0, count: 4 }, new Uint8Array(4));
    expect(refused(() => decodeMessage(write))).toBe(true);
    expect(refused(() => decodeMessage(write.subarray(0, 35)))).toBe(false);
    new DataView(write.buffer).setUint32(limits.header + 12, 5, true);
    expect(refused(() => decodeMessage(write))).toBe(false);
    const huge = encodeRequest("dmaWrite", 1, { address: 0n, count: 2n ** 64n - 1n }, new Uint8Array(4));
    expect(refused(() => decodeMessage(huge))).toBe(false);
  });

  test("a reply to DMA_WRITE may lack nothing that all implementations send", () => {
    expect(() => decodeReply("dmaWrite", new Uint8Array(12))).toThrow(PciError);
  });
});

const capabilities: fc.Arbitrary<Capabilities> = fc.record({
  maxMsgFds: fc.integer({ min: 0, max: limits.descriptors }),
  maxDataXferSize: fc.integer({ min: 1, max: limits.dataTransfer }),
  maxDmaMaps: fc.integer({ min: 1 }),
  pgsizes: fc.integer({ min: 1 }),
  twinSocket: fc.constant(true),
  twinFdIndex: fc.integer({ min: 0, max: limits.descriptors }),
  writeMultiple: fc.boolean(),
  migration: fc.option(
    fc.record({ pgsize: fc.integer({ min: 1 }), maxBitmapSize: fc.integer({ min: 1, max: 2 ** 28 }) }),
    { nil: undefined },
  ),
});

describe("VERSION", () => {
  test("what is said is read", () => {
    fc.assert(
      fc.property(capabilities, fc.integer({ min: 0, max: 0xffff }), (said, minor) => {
        expect(decodeVersion(encodeVersion(said, minor))).toEqual({ major: 0, minor, capabilities: said });
      }),
    );
  });

  test("who says nothing has the specification's defaults", () => {
    expect(decodeVersion(new Uint8Array(4)).capabilities).toEqual(defaultCapabilities);
    expect(decodeVersion(new Uint8Array(5)).capabilities).toEqual(defaultCapabilities);
    expect(decodeVersion(encodeVersion({})).capabilities).toEqual(defaultCapabilities);
  });

  test("QEMU's and libvfio-user's own words are understood", () => {
    const say = (json: string) => decodeVersion(new TextEncoder().encode(`\0\0\0\0${json}\0`)).capabilities;
    expect(
      say(
        '{"capabilities":{"max_msg_fds":16,"max_data_xfer_size":1048576,"max_dma_maps":65535,"pgsizes":4096,"write_multiple":true,"migration":{"pgsize":4096,"max_bitmap_size":268435456}}}',
      ),
    ).toMatchObject({
      maxMsgFds: 16,
      writeMultiple: true,
      migration: { pgsize: 4096, maxBitmapSize: 2 ** 28 },
    });
    expect(
      say(
        '{"capabilities":{"max_msg_fds":8,"max_data_xfer_size":1048576,"twin_socket":{"supported":true,"fd_index":0}}}',
      ),
    ).toMatchObject({ maxMsgFds: 8, twinSocket: true, twinFdIndex: 0 });
  });

  test.each([
    ["no NUL", "\0\0\0\0{}"],
    ["no JSON", "\0\0\0\0{\0"],
    ["no object", "\0\0\0\0[]\0"],
    ["a count that is none", '\0\0\0\0{"capabilities":{"max_msg_fds":-1}}\0'],
    ["a flag that is none", '\0\0\0\0{"capabilities":{"write_multiple":1}}\0'],
    ["a member that is no object", '\0\0\0\0{"capabilities":{"migration":3}}\0'],
    ["more than anybody says", `\0\0\0\0${" ".repeat(limits.capabilities)}{}\0`],
  ])("%s is refused", (_what, text) => {
    expect(refused(() => decodeVersion(new TextEncoder().encode(text)))).toBe(false);
  });

  test("more than can be used is cut down", () => {
    const json = '\0\0\0\0{"capabilities":{"max_msg_fds":1024,"max_data_xfer_size":1073741824}}\0';
    expect(decodeVersion(new TextEncoder().encode(json)).capabilities).toMatchObject({
      maxMsgFds: limits.descriptors,
      maxDataXferSize: limits.dataTransfer,
    });
  });

  test("the lower minor version counts, and another major one is refused", () => {
    const version = (major: number, minor: number) => ({ major, minor, capabilities: defaultCapabilities });
    expect(agreedMinor(version(0, 0))).toBe(0);
    expect(agreedMinor(version(0, 9))).toBe(2);
    expect(refused(() => agreedMinor(version(1, 0)))).toBe(false);
  });
});

describe("REGION_GET_INFO", () => {
  const region = {
    index: 2,
    size: 0x10000n,
    readable: true,
    writable: false,
    offset: 0x4000n,
    areas: [
      { offset: 0, size: 0x1000 },
      { offset: 0x3000, size: 0x2000 },
    ],
  };

  test("areas come back if there is room for them", () => {
    const payload = encodeRegionInfo(region, 80);
    expect(payload.length).toBe(80);
    expect(decodeRegionInfo(payload)).toEqual({ ...region, argsz: 80, mappable: true });
  });

  test("without room for them the answer says how much they take, and has no capabilities flag", () => {
    const payload = encodeRegionInfo(region, 79);
    expect(payload.length).toBe(32);
    expect(decodeRegionInfo(payload)).toEqual({ ...region, argsz: 80, mappable: true, areas: [] });
  });

  test("an area that leaves its region is refused", () => {
    const payload = encodeRegionInfo({ ...region, size: 0x4fffn }, 80);
    expect(refused(() => decodeRegionInfo(payload))).toBe(false);
  });
});

describe("error numbers", () => {
  test("an error keeps its meaning across the socket", () => {
    for (const code of [
      "ERR_DEVICE_GONE",
      "ERR_MEMORY_DISABLED",
      "ERR_NOT_SUPPORTED",
      "ERR_IOVA_OVERLAP",
    ] as const) {
      expect(errorOf(errnoOf(new PciError(code, "x")), "REGION_READ").code).toBe(code);
    }
    expect(errorOf(errnoOf(new PciError("ENOSYS", "x")), "REGION_READ").code).toBe("ENOSYS");
    expect(errnoOf(new TypeError("x"))).toBe(5);
  });

  test("any number is an error", () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), (number) => {
        expect(errorOf(number, "RESET").errno).toBeLessThan(0);
      }),
    );
    expect(errorOf(19, "DMA read", "client").message).toBe("the client refused DMA read: ENODEV");
    expect(errorOf(0, "RESET").code).toBe("ERR_INVALID_ARGUMENT");
  });
});

test.each([undefined, null, "toString", "regionRed", 9, Object.create(null)])("has no command %#", (name) => {
  const refusal = expect.objectContaining({ code: "ERR_INVALID_ARGUMENT", hint: expect.any(String) });
  const none = name as never;
  expect(() => encodeRequest(none, 1, none)).toThrow(refusal);
  expect(() => encodeReply(none, 1, none)).toThrow(refusal);
  expect(() => decodeRequest(none, new Uint8Array(64))).toThrow(refusal);
  expect(() => decodeReply(none, new Uint8Array(64))).toThrow(refusal);
  expect(() => decodeMessage(none)).toThrow(refusal);
});
