import { type DomainShare, toIova } from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeShare, encodeShare, LONGEST_MESSAGE } from "./share-message.ts";

const packet = (data: Uint8Array, fds: readonly number[]) => ({ data, fds: [...fds], truncated: false });
/** What was decoded of JSON with two descriptors. */
const decoded = (value: unknown) => decodeShare(packet(Buffer.from(JSON.stringify(value)), [7]));

const sound = {
  format: "userpci domain 1",
  pageSize: 4096,
  ranges: [["0x1000", "0x1fff"]],
  mappers: [{ kind: "vfio-container" }],
};

describe("a shared domain as a message", () => {
  it("comes out as it went in, with the descriptors as they arrived", () => {
    const address = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    const range = fc.tuple(address, address).map((ends) => {
      const [start, last] = ends.map(toIova).sort((a, b) => (a < b ? -1 : 1));
      return { start: start!, last: last! };
    });
    const mapper = fc.oneof(
      fc.record({ kind: fc.constant("vfio-container" as const), fd: fc.nat() }),
      fc.record({ kind: fc.constant("iommufd-ioas" as const), fd: fc.nat(), object: fc.nat() }),
    );
    const share = fc.record({
      pageSize: fc.nat(),
      ranges: fc.array(range, { minLength: 1, maxLength: 64 }),
      mappers: fc.array(mapper, { minLength: 1, maxLength: 16 }),
    });
    fc.assert(
      fc.property(share, (sent: DomainShare) => {
        const fds = sent.mappers.map((_mapper, i) => 100 + i);
        const mappers = sent.mappers.map((it, i) => ({ ...it, fd: 100 + i }));
        expect(decodeShare(packet(encodeShare(sent), fds))).toEqual({ ...sent, mappers });
      }),
    );
  });

  it("is refused for any other bytes, and for damaged ones, with nothing but ERR_PROTOCOL", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.json().map((text) => new Uint8Array(Buffer.from(text))),
      fc.record({ at: fc.nat(200), value: fc.nat(255) }).map(({ at, value }) => {
        const whole = new Uint8Array(Buffer.from(JSON.stringify(sound)));
        return whole.with(at % whole.length, value);
      }),
    );
    fc.assert(
      fc.property(bytes, (data) => {
        try {
          const { ranges, mappers } = decodeShare(packet(data, [7]));
          expect([ranges.length, mappers.length]).toEqual([1, 1]);
        } catch (error) {
          expect(error).toEqual(failing("ERR_PROTOCOL", /./));
        }
      }),
    );
  });

  it.each<[string, object, RegExp]>([
    ["another format", { format: "userpci domain 2" }, /no "userpci domain 1"/],
    ["no page size", { pageSize: "4096" }, /page size/],
    ["no ranges", { ranges: [] }, /list of 1 to 64 ranges/],
    ["too many ranges", { ranges: new Array(65).fill(["0x0", "0xfff"]) }, /list of 1 to 64 ranges/],
    ["a range that ends before it begins", { ranges: [["0x2000", "0x1fff"]] }, /range/],
    ["an address of 65 bits", { ranges: [["0x0", "0x10000000000000000"]] }, /range/],
    ["addresses that are numbers", { ranges: [[0, 4095]] }, /range/],
    [
      "more mappers than descriptors",
      { mappers: [{ kind: "vfio-container" }, { kind: "vfio-container" }] },
      /1 descriptors came for 2/,
    ],
    ["a kind that is unknown", { mappers: [{ kind: "constructor" }] }, /kind/],
    ["an address space without a number", { mappers: [{ kind: "iommufd-ioas" }] }, /kind/],
    ["a number that is none", { mappers: [{ kind: "iommufd-ioas", object: -1 }] }, /kind/],
    ["a mapper that is null", { mappers: [null] }, /kind/],
  ])("is refused with %s", (_what, change, message) => {
    expect(decoded(sound).ranges).toEqual([{ start: 0x1000n, last: 0x1fffn }]);
    expect(() => decoded({ ...sound, ...change })).toThrow(failing("ERR_PROTOCOL", message));
  });

  it("is refused when a part of it was lost", () => {
    expect(() => decodeShare({ data: Buffer.from(JSON.stringify(sound)), fds: [], truncated: true })).toThrow(
      failing("ERR_PROTOCOL", /longer than 16384 bytes/),
    );
  });

  it("is not sent when it is too large to be received", () => {
    const range = { start: toIova(0), last: toIova(0xfff) };
    const mapper = { kind: "vfio-container", fd: 3 } as const;
    for (const [ranges, mappers] of [
      [65, 1],
      [1, 17],
    ] as const) {
      const share = {
        pageSize: 4096,
        ranges: Array(ranges).fill(range),
        mappers: Array(mappers).fill(mapper),
      };
      expect(() => encodeShare(share)).toThrow(expect.objectContaining({ code: "ERR_OUT_OF_RANGE" }));
    }
    const largest = {
      pageSize: 2 ** 30,
      ranges: Array(64).fill({ start: toIova(2n ** 63n), last: toIova(2n ** 64n - 1n) }),
      mappers: Array(16).fill({ kind: "iommufd-ioas", fd: 3, object: 2 ** 32 - 1 }),
    };
    expect(encodeShare(largest).length).toBeLessThanOrEqual(LONGEST_MESSAGE);
  });
});
