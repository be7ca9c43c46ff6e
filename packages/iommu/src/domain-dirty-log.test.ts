import { type DirtyLog, type DmaMapper, PciError, toIova } from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import { describe, expect, it, vi } from "vitest";
import { createDomain } from "./domain.ts";
import { MemoryMapper } from "./memory-mapper.ts";
import { SoftwareDirtyLog } from "./software-dirty-log.ts";
import { TestMemory } from "./testing/memory.ts";

const K = 4096;
function opened(...mappers: DmaMapper[]) {
  const domain = createDomain();
  for (const [i, mapper] of mappers.entries()) domain.attach(mapper, `device ${i}`);
  return { domain, dirty: domain.dirty! };
}

/** A mapper with a log of its own, or none. */
const mapperWith = (dirty: DirtyLog | undefined): DmaMapper =>
  Object.defineProperty(new MemoryMapper({ name: "other" }), "dirty", { value: dirty });

/** Pages of a bitmap. */
const pagesOf = (bits: Uint8Array): number[] =>
  Array.from({ length: bits.length * 8 }, (_, i) => i).filter((i) => (bits[i >> 3]! >> (i & 7)) & 1);

const write = (mapper: MemoryMapper, iova: bigint, size = 1) => mapper.translate(iova, size, "from-device");

describe("the pages that devices write", () => {
  it("are told once, and what they read is not", () => {
    const mapper = new MemoryMapper();
    const { domain, dirty } = opened(mapper);
    const { iova } = domain.mapSync(new TestMemory(20 * K));
    write(mapper, iova);
    dirty.start();
    dirty.start();
    expect([dirty.exact, dirty.pageSize, pagesOf(dirty.take(iova, 20 * K))]).toEqual([true, K, []]);
    mapper.translate(iova, 20 * K, "to-device");
    write(mapper, iova + BigInt(2 * K - 1), 2);
    mapper.translate(iova + BigInt(19 * K), 1, "bidirectional");
    write(mapper, iova + BigInt(20 * K - 1), 2);
    expect(pagesOf(dirty.take(iova, 20 * K))).toEqual([1, 2, 19]);
    expect(pagesOf(dirty.take(iova, 20 * K))).toEqual([]);
    write(mapper, iova);
    dirty.stop();
    dirty.stop();
    dirty.start();
    expect(pagesOf(dirty.take(iova, 20 * K))).toEqual([]);
  });

  it("are those of any of its mappers", () => {
    const mappers = [new MemoryMapper(), new MemoryMapper()];
    const { domain, dirty } = opened(...mappers);
    const { iova } = domain.mapSync(new TestMemory(4 * K));
    dirty.start();
    write(mappers[0]!, iova);
    write(mappers[1]!, iova + BigInt(3 * K));
    expect(pagesOf(dirty.take(iova, 4 * K))).toEqual([0, 3]);
  });

  it("are told part by part of a memory that is mapped as a whole, and of several mappings at once", () => {
    const mapper = new MemoryMapper();
    const { domain, dirty } = opened(mapper);
    const memory = new TestMemory(4 * K);
    const parts = [0, 1, 2, 3].map((i) => domain.mapSync(memory, { offset: i * K, size: K, join: true }));
    const behind = parts[0]!.iova + BigInt(4 * K);
    domain.mapSync(new TestMemory(2 * K), { iova: toIova(behind) });
    dirty.start();
    write(mapper, parts[1]!.iova);
    write(mapper, parts[3]!.iova);
    write(mapper, behind);
    expect(parts.map(({ iova, size }) => pagesOf(dirty.take(iova, size)))).toEqual([[], [0], [], [0]]);
    write(mapper, parts[2]!.iova);
    expect(pagesOf(dirty.take(parts[1]!.iova, 5 * K))).toEqual([1, 3]);
  });

  it("are told of a device that joins later too, in every mapping", () => {
    const { domain, dirty } = opened(new MemoryMapper());
    const iovas = [1, 2].map(() => domain.mapSync(new TestMemory(2 * K)).iova);
    dirty.start();
    const second = new MemoryMapper();
    domain.attach(second, "late");
    for (const iova of iovas) write(second, iova + BigInt(K));
    expect(iovas.map((iova) => pagesOf(dirty.take(iova, 2 * K)))).toEqual([[1], [1]]);
    expect(iovas.map((iova) => pagesOf(dirty.take(iova, 2 * K)))).toEqual([[], []]);
  });

  it("keep devices out that could not tell theirs, and end for a mapper that does not join", () => {
    const { domain, dirty } = opened(new MemoryMapper());
    const { iova } = domain.mapSync(new TestMemory(K));
    dirty.start();
    expect(() => domain.attach(mapperWith(undefined), "silent")).toThrow(
      failing("ERR_NOT_SUPPORTED", /^silent cannot join the domain: other does not note/),
    );
    const full = new MemoryMapper({ maxMappings: 0 });
    expect(() => domain.attach(full, "full")).toThrow(failing("ERR_MAPPING_LIMIT"));
    expect(() => full.dirty.take(iova, K)).toThrow(failing("ERR_INVALID_ARGUMENT", /nobody notes/));
    expect([domain.attached, pagesOf(dirty.take(iova, K))]).toEqual([1, []]);
  });

  it("are noted again by a mapper that has lost its devices and got one, when begun again", () => {
    const log = new SoftwareDirtyLog();
    const { domain, dirty } = opened(mapperWith(log));
    const { iova } = domain.mapSync(new TestMemory(K));
    dirty.start();
    log.stop();
    dirty.start();
    log.note(iova, 1);
    expect(pagesOf(dirty.take(iova, K))).toEqual([0]);
  });

  it("are told of a device that has left since, with which went what its IOMMU had noted", () => {
    const log = new SoftwareDirtyLog();
    const domain = createDomain();
    domain.attach(new MemoryMapper(), "stays");
    const leaving = domain.attach(mapperWith(log), "leaves");
    const { iova } = domain.mapSync(new TestMemory(4 * K));
    domain.dirty!.start();
    log.note(iova + BigInt(2 * K), 1);
    leaving.detach();
    leaving.detach();
    log.stop();
    log.start();
    expect([domain.attached, pagesOf(domain.dirty!.take(iova, 4 * K))]).toEqual([1, [2]]);
    expect(pagesOf(domain.dirty!.take(iova, 4 * K))).toEqual([]);
  });

  it("are all told of a device that has left, where its IOMMU does not say which, and it leaves", () => {
    const log = new SoftwareDirtyLog();
    const domain = createDomain();
    const leaving = domain.attach(mapperWith(log), "leaves");
    const { iova } = domain.mapSync(new TestMemory(3 * K));
    domain.dirty!.start();
    log.stop();
    leaving.detach();
    expect(domain.attached).toBe(0);
    log.start();
    expect(pagesOf(domain.dirty!.take(iova, 3 * K))).toEqual([0, 1, 2]);
  });

  it("stay to be taken when a range is refused that is not all mapped", () => {
    const mapper = new MemoryMapper();
    const { domain, dirty } = opened(mapper);
    const { iova } = domain.mapSync(new TestMemory(2 * K));
    dirty.start();
    write(mapper, iova);
    expect(() => dirty.take(iova, 3 * K)).toThrow(failing("ERR_INVALID_ARGUMENT", /nothing is mapped at/));
    expect(pagesOf(dirty.take(iova, 2 * K))).toEqual([0]);
  });

  it("are coarser where a mapper's pages are", () => {
    const log = { pageSize: 2 * K, exact: false, start() {}, stop() {}, take: () => Uint8Array.of(0b10) };
    const { domain, dirty } = opened(mapperWith(log));
    const { iova } = domain.mapSync(new TestMemory(4 * K));
    dirty.start();
    expect([dirty.exact, pagesOf(dirty.take(iova, 4 * K))]).toEqual([false, [2, 3]]);
  });

  it("are refused before the start, outside mappings and between pages, and after the end", () => {
    const { domain, dirty } = opened(new MemoryMapper());
    const { iova } = domain.mapSync(new TestMemory(K));
    expect(() => dirty.take(iova, K)).toThrow(failing("ERR_INVALID_ARGUMENT", /nobody notes/));
    dirty.start();
    expect(() => dirty.take(iova, 2 * K)).toThrow(failing("ERR_INVALID_ARGUMENT", /nothing is mapped at/));
    expect(() => dirty.take(toIova(iova + 1n), K)).toThrow(failing("ERR_MISALIGNED"));
    expect(() => dirty.take(iova, 1)).toThrow(failing("ERR_MISALIGNED"));
    expect(() => dirty.take(5 as never, K)).toThrow(failing("ERR_INVALID_ARGUMENT"));
  });

  it("are noted by all mappers or by none", () => {
    const able = new MemoryMapper({ name: "able" });
    const { domain, dirty } = opened(able, mapperWith(undefined));
    const { iova } = domain.mapSync(new TestMemory(K));
    expect(() => dirty.start()).toThrow(failing("ERR_NOT_SUPPORTED", /^other does not note/));
    expect(dirty.exact).toBe(false);
    expect(() => able.dirty.take(iova, K)).toThrow(failing("ERR_INVALID_ARGUMENT"));
    const log = new SoftwareDirtyLog();
    log.start = () => {
      throw new PciError("ERR_NOT_SUPPORTED", "no dirty bits", { hint: "another IOMMU" });
    };
    expect(() => opened(mapperWith(log)).dirty.start()).toThrow(
      failing("ERR_NOT_SUPPORTED", /no dirty bits/),
    );
  });

  it("end in every mapper also where one will not, which is told, and asked again", () => {
    const logs = [1, 2, 3].map(() => new SoftwareDirtyLog());
    const { domain, dirty } = opened(...logs.map(mapperWith));
    const { iova } = domain.mapSync(new TestMemory(K));
    dirty.start();
    const stop = vi.spyOn(logs[0]!, "stop").mockImplementationOnce(() => {
      throw new PciError("EINTR", "not now", { hint: "again" });
    });
    expect(() => dirty.stop()).toThrow(failing("EINTR", /not now/));
    for (const log of logs.slice(1))
      expect(() => log.take(iova, K)).toThrow(failing("ERR_INVALID_ARGUMENT", /nobody notes/));
    expect(() => dirty.take(iova, K)).toThrow(failing("ERR_INVALID_ARGUMENT", /nobody notes/));
    dirty.stop();
    expect(stop).toHaveBeenCalledTimes(2);
  });

  it("end in every mapper that began where one cannot begin, and why that cannot is told", () => {
    const logs = [1, 2, 3].map(() => new SoftwareDirtyLog());
    const { domain, dirty } = opened(...logs.map(mapperWith));
    const { iova } = domain.mapSync(new TestMemory(K));
    const refuse = (code: string) => () => {
      throw new PciError(code, "refused", { hint: "none" });
    };
    vi.spyOn(logs[0]!, "stop").mockImplementation(refuse("EINTR"));
    vi.spyOn(logs[2]!, "start").mockImplementation(refuse("ERR_NOT_SUPPORTED"));
    expect(() => dirty.start()).toThrow(failing("ERR_NOT_SUPPORTED", /refused/));
    expect(() => logs[1]!.take(iova, K)).toThrow(failing("ERR_INVALID_ARGUMENT", /nobody notes/));
  });
});
