import { type DmaMemory, type IommuDomain, type MapOptions, toIova } from "@userpci/interface";
import type { Chapter } from "../suite.ts";
import type { Trial } from "../trial.ts";
import { placesOf, withBackend, withDevice } from "./scene.ts";

/** Mapping in both forms, which must come to the same; what is mapped is unmapped again. */
async function map(
  trial: Trial,
  domain: IommuDomain,
  what: string,
  memory: DmaMemory,
  options: MapOptions,
  outcome: string,
): Promise<void> {
  const async = async () => (await domain.map(memory, options)).unmap();
  await trial.expectBoth(what, async, () => domain.mapSync(memory, options).unmapSync(), outcome);
}

/** Domains: empty, with devices, closed. */
export const domainTests: Chapter = {
  "a domain without a device maps nothing": (trial) =>
    withBackend(trial, async (backend) => {
      const domain = backend.createDomain();
      using memory = backend.memory.alloc(1);
      await map(trial, domain, "map, domain empty", memory, {}, "ERR_DOMAIN_EMPTY");
      trial.observe("ranges, domain empty", domain.ranges, []);
      trial.observe("attached, domain empty", domain.attached, 0);
      await trial.expectBoth(
        "close, domain empty",
        () => domain.close(),
        () => domain.closeSync(),
        "ok",
      );
    }),

  "what makes no sense is refused, and keeps nothing": (trial) =>
    withDevice(trial, async ({ domain }, backend) => {
      const { pageSize } = domain;
      using memory = backend.memory.alloc(2 * pageSize);
      const last = domain.ranges.at(-1)!.last;
      const wrong: [string, MapOptions, string][] = [
        ["a size that is no page", { size: 100 }, "ERR_MISALIGNED"],
        ["an offset that is no page", { offset: 1 }, "ERR_MISALIGNED"],
        ["an IOVA that is no page", { iova: toIova(0x1001) }, "ERR_MISALIGNED"],
        ["no bytes", { size: 0 }, "ERR_OUT_OF_RANGE"],
        ["more bytes than there are", { size: memory.size + pageSize }, "ERR_OUT_OF_RANGE"],
        ["an offset at the end", { offset: memory.size }, "ERR_OUT_OF_RANGE"],
        ["a negative offset", { offset: -pageSize }, "ERR_OUT_OF_RANGE"],
        ["a bus of 65 bits", { addressBits: 65 }, "ERR_OUT_OF_RANGE"],
        ["an alignment that is no power of two", { alignment: 3000 }, "ERR_INVALID_ARGUMENT"],
        ["no direction", { direction: "sideways" as "to-device" }, "ERR_INVALID_ARGUMENT"],
        ["an IOVA past the device", { addressBits: 28, iova: toIova(0x1000_0000) }, "ERR_IOVA_RANGE"],
        ["an IOVA past the IOMMU", { iova: toIova(last + 1n - BigInt(pageSize)) }, "ERR_IOVA_RANGE"],
      ];
      for (const [what, options, outcome] of wrong) {
        await map(trial, domain, `map of ${what}`, memory, options, outcome);
      }
      trial.observe("bytes mapped after refusals", domain.mappedBytes, 0);
    }),

  "mappings are found, do not overlap, and hold their memory": (trial) =>
    withDevice(trial, async ({ domain }, backend) => {
      const memory = backend.memory.alloc(4 * domain.pageSize);
      const page = BigInt(domain.pageSize);
      const { base } = placesOf(page);
      const mapping = domain.mapSync(memory, { iova: toIova(base), label: "ring" });
      const end = base + BigInt(memory.size);
      for (const at of [base + page - BigInt(memory.size), base, end - page]) {
        await map(trial, domain, "map over a mapping", memory, { iova: toIova(at) }, "ERR_IOVA_OVERLAP");
      }
      trial.observe("find inside", domain.find(end - 1n) === mapping, true);
      trial.observe("find outside", domain.find(end) === undefined, true);
      trial.observe(
        "mappings",
        [...domain.mappings()].map(({ label }) => label),
        ["ring"],
      );
      trial.expect("close of mapped memory", () => memory.close(), "ERR_BUSY");
      await trial.expectBoth(
        "unmap",
        () => mapping.unmap(),
        () => mapping.unmapSync(),
        "ok",
      );
      trial.observe("a mapping after unmap", mapping.closed, true);
      memory.close();
      await map(trial, domain, "map of closed memory", memory, {}, "ERR_CLOSED");
    }),

  "addresses stay within what a device can drive": (trial) =>
    withDevice(trial, async ({ domain }, backend) => {
      using memory = backend.memory.alloc(16 * domain.pageSize);
      for (const addressBits of [28, 32, 40, 64]) {
        const mapping = await domain.map(memory, { addressBits });
        const fits = mapping.iova + BigInt(mapping.size) <= 1n << BigInt(addressBits);
        trial.observe(`an address of ${addressBits} bits`, fits, true);
        await mapping.unmap();
      }
    }),

  "a mapping under way is not unmapped twice at once": (trial) =>
    withDevice(trial, async ({ domain }, backend) => {
      // Large enough that it is unmapped on another thread.
      using memory = backend.memory.alloc(16 * 2 ** 20);
      const mapping = await domain.map(memory);
      const first = mapping.unmap();
      trial.expect("unmapSync during unmap", () => mapping.unmapSync(), "ERR_BUSY");
      await trial.expectAsync("unmap during unmap", () => mapping.unmap(), "ok");
      await first;
    }),

  "a domain outlives its devices, and is not closed under them": (trial) =>
    withBackend(trial, async (backend) => {
      const { address } = trial.subject.main;
      const domain = backend.createDomain();
      const device = await backend.open(address, { domain });
      using memory = backend.memory.alloc(domain.pageSize);
      trial.observe("ownsDomain of a given domain", device.ownsDomain, false);
      const close = [() => domain.close(), () => domain.closeSync()] as const;
      await trial.expectBoth("close of a domain in use", ...close, "ERR_DOMAIN_IN_USE");
      await device.close();
      trial.observe("a given domain after its device", [domain.closed, domain.attached], [false, 0]);
      const mapping = await domain.map(memory);
      const again = await backend.open(address, { domain });
      trial.observe("a mapping before a device", domain.find(mapping.iova) === mapping, true);
      await again.close();
      await domain.close();
      trial.observe("a mapping of a closed domain", mapping.closed, true);
      await map(trial, domain, "map, domain closed", memory, {}, "ERR_CLOSED");
      trial.expect("ranges, domain closed", () => domain.ranges, "ERR_CLOSED");
      trial.expect("find, domain closed", () => domain.find(0n), "ERR_CLOSED");
      trial.expect("mappings, domain closed", () => domain.mappings(), "ERR_CLOSED");
      trial.observe("counts, domain closed", [domain.attached, domain.mappedBytes], [0, 0]);
      await trial.expectBoth("close, domain closed", ...close, "ok");
      const open = async () => (await backend.open(address, { domain })).close();
      await trial.expectAsync("open into a closed domain", open, "ERR_CLOSED");
    }),

  "the valid addresses ascend, and leave out what is reserved": (trial) =>
    withDevice(trial, ({ domain }) => {
      const { ranges, pageSize } = domain;
      const { reserved, pageSize: expected } = trial.subject;
      if (reserved === undefined) trial.leaveOut("reserved addresses of a domain", "the subject names none");
      else {
        const covers = ranges.some(({ start, last }) => start <= reserved.last && reserved.start <= last);
        trial.observe("a reserved address is valid", covers, false);
      }
      const ascending = ranges.every(
        ({ start, last }, i) => start <= last && (i === 0 || ranges[i - 1]!.last < start),
      );
      trial.observe("ranges ascend", ascending, true);
      if (expected === undefined) trial.leaveOut("the page size of a domain", "the subject does not tell");
      else trial.observe("the page size", pageSize, expected);
    }),
};
