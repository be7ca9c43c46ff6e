import { type MapperLimits, type MapRequest, PciError, toIova } from "@userpci/interface";
import {
  changing,
  failing,
  HostileError,
  oddValues,
  wrongAnswers,
  wrongError,
} from "@userpci/interface/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IovaAllocator } from "./allocator.ts";
import { createDomain } from "./domain.ts";
import { MemoryMapper } from "./memory-mapper.ts";
import { formatRange, formatRanges, normaliseRanges, rangesContain } from "./ranges.ts";
import { Reservation } from "./reservation.ts";
import { TestMemory } from "./testing/memory.ts";

const K = 4096;

function opened() {
  const domain = createDomain();
  const mapper = new MemoryMapper();
  const attachment = domain.attach(mapper, "0000:01:00.0");
  return { domain, mapper, attachment, memory: new TestMemory(4 * K) };
}
type Bed = ReturnType<typeof opened>;

/** What a failed call must leave as it was. */
const leftovers = ({ domain, mapper, memory }: Bed) => [
  mapper.size,
  domain.mappedBytes,
  domain.closed ? 0 : domain.budget.used,
  memory.users,
];
const nothing = [0, 0, 0, 0];

const optionNames = [
  "offset",
  "size",
  "direction",
  "label",
  "owner",
  "addressBits",
  "iova",
  "alignment",
  "join",
] as const;
const optionValues = [undefined, 0, -0, -1, 3, K, 2 * K, 2 ** 40, 2 ** 63, BigInt(K), ...oddValues];
const severalOptions = fc.dictionary(fc.constantFrom(...optionNames), fc.constantFrom(...optionValues), {
  minKeys: 2,
  maxKeys: 3,
});

function withGetter(name: string, get: () => unknown): object {
  return Object.defineProperty({ join: true }, name, { get, enumerable: true, configurable: true });
}

describe.each(["map", "mapSync"] as const)("%s with odd options", (map) => {
  async function attempt(join: boolean, odd: object): Promise<void> {
    const bed = opened();
    // Another part first: what comes then is looked at in another place.
    const first = join ? bed.domain.mapSync(bed.memory, { offset: 3 * K, join }) : undefined;
    try {
      const mapping = await bed.domain[map](bed.memory, { join, ...odd });
      await mapping.unmap();
    } catch (error) {
      expect(wrongError(error)).toBeUndefined();
    }
    await first?.unmap();
    expect(leftovers(bed)).toEqual(nothing);
  }

  it.each([false, true])("works, or helps and leaves nothing; joined: %s", async (join) => {
    for (const name of optionNames) for (const value of optionValues) await attempt(join, { [name]: value });
    await fc.assert(fc.asyncProperty(fc.constant(join), severalOptions, attempt));
  });

  it("leaves nothing when a property throws, or closes the memory or the domain", async () => {
    for (const name of optionNames) {
      for (const what of ["throw", "memory", "domain"] as const) {
        const bed = opened();
        bed.attachment.detach();
        let looked = false;
        const options = withGetter(name, () => {
          looked = true;
          if (what === "throw") throw new HostileError();
          if (what === "domain") bed.domain.closeSync();
          else bed.memory.close();
        });
        const error = await (async () => bed.domain[map](bed.memory, options))().then(
          (mapping) => mapping.unmapSync(),
          (reason: unknown) => reason,
        );
        if (looked)
          expect(error).toEqual(what === "throw" ? expect.any(HostileError) : failing("ERR_CLOSED"));
        expect(leftovers(bed)).toEqual(nothing);
      }
    }
  });

  it.each([
    ["direction", "up", undefined],
    ["label", Symbol("s"), "rx"],
    ["addressBits", Number.NaN, 64],
    ["alignment", 3, K],
    ["size", K, 64 * K],
  ])("looks once at a property that is another at the next look: %s", async (name, first, second) => {
    const bed = opened();
    const options = changing(name, first, second);
    const call = (async () => bed.domain[map](bed.memory, options))();
    if (name === "size") expect((await call).size).toBe(K);
    else await expect(call).rejects.toEqual(failing("ERR_INVALID_ARGUMENT"));
    expect(leftovers(bed)).toEqual(name === "size" ? [1, K, 1, 1] : nothing);
  });

  it("leaves nothing for memory that cannot be retained, or is no memory", async () => {
    const bed = opened();
    bed.memory.retain = () => {
      throw new PciError("ERR_CLOSED", "closed meanwhile");
    };
    await expect((async () => bed.domain[map](bed.memory))()).rejects.toEqual(failing("ERR_CLOSED"));
    for (const size of oddValues) {
      const odd = { size, close() {}, closed: false, buffer: new ArrayBuffer(0), pageSize: K };
      await expect((async () => bed.domain[map](odd as never, { size: K }))()).rejects.toEqual(
        failing("ERR_INVALID_ARGUMENT", /must be DMA memory/),
      );
    }
    expect(leftovers(bed)).toEqual(nothing);
  });
});

describe("a domain", () => {
  it("refuses what is no address, no memory, no mapper and no reservation", () => {
    const { domain, mapper, memory } = opened();
    const reservation = domain.reserve(K);
    const notBigints = oddValues.filter((value) => typeof value !== "bigint");
    const objects = ["object", "function"];
    const notObjects = oddValues.filter((value) => !objects.includes(typeof value) || value === null);
    const wrong = [
      ...wrongAnswers({ find: (odd) => domain.find(odd), explain: (odd) => domain.explain(odd) }, notBigints),
      ...wrongAnswers({ iovaOf: (odd) => domain.iovaOf(odd) }, notObjects),
      ...wrongAnswers({
        "offset of iovaOf": (odd) => domain.iovaOf(memory, odd),
        attach: (odd) => domain.attach(odd, "b"),
        reserve: (odd) => domain.reserve(odd),
        share: (odd) => domain.share(odd),
      }),
      ...wrongAnswers(
        { "its name": (odd) => domain.attach(new MemoryMapper(), odd) },
        oddValues.filter((value) => typeof value !== "string"),
      ),
    ];
    expect([wrong, domain.attached, mapper.size]).toEqual([[], 1, 0]);
    expect(() => domain.share(Object.create(Reservation.prototype))).toThrow(
      failing("ERR_INVALID_ARGUMENT", /an object is no reservation/),
    );
    reservation.close();
  });

  it("reserves nothing where a property is odd, throws, or closes it", () => {
    for (const name of ["iova", "addressBits", "alignment", "label", "owner"] as const) {
      for (const value of oddValues) {
        const bed = opened();
        try {
          bed.domain.reserve(K, { [name]: value }).close();
        } catch (error) {
          expect(wrongError(error)).toBeUndefined();
        }
        // All of it is free: a mapping takes the first page.
        expect(bed.domain.mapSync(bed.memory, { iova: toIova(K) }).iova).toBe(BigInt(K));
      }
      const { domain, attachment } = opened();
      attachment.detach();
      const closing = withGetter(name, () => domain.closeSync());
      expect(() => domain.reserve(K, closing)).toThrow(failing("ERR_CLOSED"));
      expect(domain.mappedBytes).toBe(0);
    }
    const { domain } = opened();
    const { iova } = domain.reserve(K, changing("label", "rx", Symbol("s")));
    expect(domain.explain(iova).message).toMatch(/is reserved: "rx" at/);
  });

  it("takes no mapper that lacks a method, or whose limits make no sense", () => {
    const { domain } = opened();
    for (const method of ["limits", "map", "mapSync", "unmap", "unmapSync", "close"]) {
      const mapper = Object.defineProperty(new MemoryMapper(), method, { value: undefined });
      expect(() => domain.attach(mapper, "b")).toThrow(failing("ERR_INVALID_ARGUMENT", /must be a mapper/));
    }
    const saying = (part: object) => {
      const mapper = new MemoryMapper();
      mapper.limits = () =>
        ({ ranges: [{ start: 0n, last: 0xffffn }], pageSize: K, ...part }) as MapperLimits;
      return mapper;
    };
    const wrong = wrongAnswers({
      ranges: (odd) => domain.attach(saying({ ranges: odd }), "b"),
      pageSize: (odd) => domain.attach(saying({ pageSize: odd }), "b"),
      mappingsLeft: (odd) => domain.attach(saying({ mappingsLeft: odd }), "b"),
    });
    expect([wrong, domain.attached, domain.pageSize]).toEqual([[], 1, K]);
    expect(() => domain.attach(saying({ pageSize: 5000 }), "b")).toThrow(
      failing("ERR_INVALID_ARGUMENT", /5000/),
    );
  });

  it("is made of options that are looked at once", () => {
    const domain = createDomain(changing("label", "lab", Symbol("s")));
    expect(() => domain.mapSync(new TestMemory(K))).toThrow(failing("ERR_DOMAIN_EMPTY", /domain "lab"/));
    const names = ["label", "guard", "addressBits", "ranges", "history", "onMappingsLow"];
    for (const name of names) {
      for (const value of oddValues) {
        try {
          createDomain({ [name]: value });
        } catch (error) {
          expect(wrongError(error)).toBeUndefined();
        }
      }
    }
  });

  it("takes no notes of what is no range", () => {
    const { domain, mapper, memory } = opened();
    domain.dirty!.start();
    const { iova, size } = domain.mapSync(memory);
    const notBigints = oddValues.filter((value) => typeof value !== "bigint");
    for (const log of [domain.dirty!, mapper.dirty]) {
      const wrong = [
        ...wrongAnswers({ iova: (odd) => log.take(odd, size) }, notBigints),
        ...wrongAnswers({ size: (odd) => log.take(iova, odd) }, [...oddValues, -K]),
      ];
      expect(wrong).toEqual([]);
    }
  });
});

describe("an allocator", () => {
  it("refuses odd arguments and has nothing less to give", () => {
    const allocator = new IovaAllocator<string>([{ start: 0n, last: 0xffffn }]);
    const notBigints = oddValues.filter((value) => typeof value !== "bigint");
    const wrong = [
      ...wrongAnswers(
        {
          alloc: (odd) => allocator.alloc(odd, "x"),
          place: (odd) => allocator.place(0x1000n, odd, "x"),
          addressBits: (odd) => allocator.alloc(K, "x", { addressBits: odd }),
          phase: (odd) => allocator.alloc(K, "x", { phase: odd, preferredAlignment: 2 * K }),
          setRanges: (odd) => allocator.setRanges([odd]),
          describe: (odd) =>
            new IovaAllocator([], { describe: typeof odd === "function" ? 1 : odd } as never),
        },
        oddValues.filter((value) => value !== null),
      ),
      ...wrongAnswers(
        {
          find: (odd) => allocator.find(odd),
          free: (odd) => allocator.free(odd),
          below: (odd) => allocator.below(odd),
          above: (odd) => allocator.above(odd),
        },
        notBigints,
      ),
    ];
    expect([wrong, allocator.count, allocator.allocatedBytes]).toEqual([[], 0, 0]);
    expect([allocator.below(1n << 70n), allocator.above(-1n << 70n)]).toEqual([undefined, undefined]);
  });

  it("looks once at the alignment, and at each end of a range", () => {
    const allocator = new IovaAllocator<string>([{ start: 0n, last: 0xffffn }]);
    expect(allocator.alloc(K, "x", changing("alignment", 2 * K, 3)) % BigInt(2 * K)).toBe(0n);
    const range = Object.defineProperty(changing("last", 0xffffn, -1n), "start", { value: 0n });
    expect(normaliseRanges([range as never])).toEqual([{ start: 0n, last: 0xffffn }]);
  });

  it("names what are no ranges, also where they are only written out", () => {
    const notArrays = oddValues.filter((value) => !Array.isArray(value));
    const notBigints = oddValues.filter((value) => typeof value !== "bigint");
    const wrong = [
      ...wrongAnswers({ formatRange: (odd) => formatRange(odd) }),
      ...wrongAnswers(
        { formatRanges: (odd) => formatRanges(odd), rangesContain: (odd) => rangesContain(odd, 0n, 0n) },
        notArrays,
      ),
      ...wrongAnswers(
        {
          start: (odd) => rangesContain([], odd, 0n),
          last: (odd) => rangesContain([], 0n, odd),
          "first of a range": (odd) => formatRange({ start: odd, last: 0n }),
        },
        notBigints,
      ),
    ];
    expect(wrong).toEqual([]);
  });
});

describe("a page table in software", () => {
  const request = (part: object = {}): MapRequest => ({
    iova: toIova(K),
    size: K,
    offset: 0,
    memory: new TestMemory(2 * K),
    direction: "bidirectional",
    ...part,
  });

  it("maps nothing that no domain would ask for", () => {
    const mapper = new MemoryMapper();
    const wrong = [
      ...wrongAnswers({
        request: (odd) => mapper.mapSync(odd),
        size: (odd) => mapper.mapSync(request({ size: odd })),
        offset: (odd) => mapper.mapSync(request({ offset: odd })),
        memory: (odd) => mapper.mapSync(request({ memory: odd })),
        direction: (odd) => mapper.mapSync(request({ direction: odd })),
      }),
      ...wrongAnswers({ iova: (odd) => mapper.mapSync(request({ iova: odd })) }, [
        ...oddValues.filter((value) => value !== 0n),
        K,
        -BigInt(K),
        1n << 64n,
      ]),
      ...wrongAnswers({ size: (odd) => mapper.mapSync(request({ size: odd })) }, [0, -K, 100]),
      ...wrongAnswers({ unmap: (odd) => mapper.unmapSync(odd, K) }),
      ...wrongAnswers({ "unmapped size": (odd) => mapper.unmapSync(toIova(K), odd) }),
    ];
    expect([wrong, mapper.size]).toEqual([[], 0]);
    expect(() => mapper.mapSync(request({ iova: toIova(2n ** 64n - BigInt(K)), size: 2 * K }))).toThrow(
      failing("ERR_IOVA_RANGE", /cannot map 8192 bytes at 0xfffffffffffff000/),
    );
    expect(() => mapper.mapSync(request({ offset: K, size: 2 * K }))).toThrow(failing("ERR_NOT_SUPPORTED"));
    expect(() => new MemoryMapper({ pageSize: 512 })).toThrow(failing("ERR_OUT_OF_RANGE", /pageSize is 512/));
    mapper.close();
    expect(() => mapper.mapSync(request())).toThrow(failing("ERR_CLOSED"));
  });

  it("stops where a buffer was made smaller under it", () => {
    const mapper = new MemoryMapper();
    const memory = new TestMemory(2 * K);
    const Resizable = ArrayBuffer as unknown as new (
      size: number,
      options: { maxByteLength: number },
    ) => ArrayBuffer & { resize(size: number): void };
    const buffer = new Resizable(2 * K, { maxByteLength: 2 * K });
    mapper.mapSync(
      request({ size: 2 * K, memory: Object.defineProperty(memory, "buffer", { value: buffer }) }),
    );
    buffer.resize(K);
    expect(mapper.translate(toIova(K), 16, "to-device").slices.length).toBe(1);
    expect(mapper.translate(toIova(2 * K), 16, "to-device").fault).toEqual({
      iova: BigInt(2 * K),
      reason: "unmapped",
    });
  });
});
