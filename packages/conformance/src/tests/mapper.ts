import {
  type Backend,
  type DmaMapper,
  type DmaMemory,
  type IommuDomain,
  type MapRequest,
  toIova,
} from "@userpci/interface";
import type { Chapter } from "../suite.ts";
import { ConformanceError, type Trial } from "../trial.ts";
import { placesOf, withBackend } from "./scene.ts";

/** Opens the main function and keeps the mapper that its domain is given, to get past the domain's own checks. */
function withMapper(
  trial: Trial,
  test: (parts: { mapper: DmaMapper; domain: IommuDomain; backend: Backend }) => Promise<void> | void,
): Promise<void> {
  return withBackend(trial, async (backend) => {
    const domain = backend.createDomain();
    const attach = domain.attach.bind(domain);
    let mapper: DmaMapper | undefined;
    domain.attach = (given, name) => {
      mapper = given;
      return attach(given, name);
    };
    await backend.open(trial.subject.main.address, { domain });
    if (mapper === undefined) throw new ConformanceError("opening a device attached nothing to its domain");
    await test({ mapper, domain, backend });
  });
}

const request = (memory: DmaMemory, iova: bigint, size: number): MapRequest => ({
  iova: toIova(iova),
  size,
  memory,
  offset: 0,
  direction: "bidirectional",
});

/** What lies under a domain: the answers of the IOMMU's own tables. */
export const mapperTests: Chapter = {
  "an IOMMU refuses what it cannot map, with the reason": (trial) =>
    withMapper(trial, async ({ mapper, backend }) => {
      const { pageSize } = mapper.limits();
      const page = BigInt(pageSize);
      const { base, free } = placesOf(page);
      using memory = backend.memory.alloc(4 * pageSize);
      const attempt = async (what: string, iova: bigint, size: number, outcome: string): Promise<void> => {
        const asked = request(memory, iova, size);
        await trial.expectBoth(
          `IOMMU: ${what}`,
          () => mapper.map(asked),
          () => mapper.mapSync(asked),
          outcome,
        );
      };
      mapper.mapSync(request(memory, base, 4 * pageSize));
      await attempt("map over a mapping", base + page, pageSize, "ERR_IOVA_OVERLAP");
      const { reserved } = trial.subject;
      if (reserved === undefined) trial.leaveOut("reserved addresses of an IOMMU", "the subject names none");
      else await attempt("map of a reserved address", reserved.start, pageSize, "ERR_IOVA_RANGE");
      await attempt("map of half a page", free, 100, "ERR_IOVA_RANGE");
      await attempt("map at half a page", free + page / 2n, pageSize, "ERR_IOVA_RANGE");
      await attempt("map of nothing", free, 0, "ERR_IOVA_RANGE");
      await attempt("map past the address width", 2n ** 60n, pageSize, "ERR_IOVA_RANGE");
      await attempt("map past the last address", 2n ** 64n - page, 2 * pageSize, "ERR_IOVA_RANGE");
      mapper.unmapSync(toIova(base), 4 * pageSize);
    }),

  "an IOMMU unmaps exactly what was mapped": (trial) =>
    withMapper(trial, async ({ mapper, backend }) => {
      const { pageSize } = mapper.limits();
      const { base, free } = placesOf(BigInt(pageSize));
      using memory = backend.memory.alloc(4 * pageSize);
      mapper.mapSync(request(memory, base, 4 * pageSize));
      const unmap = async (what: string, iova: bigint, size: number, outcome: string): Promise<void> => {
        const at = toIova(iova);
        await trial.expectBoth(
          `IOMMU: ${what}`,
          () => mapper.unmap(at, size),
          () => mapper.unmapSync(at, size),
          outcome,
        );
      };
      await unmap("unmap where nothing is", free, pageSize, "ERR_INVALID_ARGUMENT");
      await unmap("unmap of the middle", base + BigInt(pageSize), pageSize, "ERR_INVALID_ARGUMENT");
      await unmap("unmap of the first part", base, pageSize, "ERR_INVALID_ARGUMENT");
      mapper.unmapSync(toIova(base), 4 * pageSize);
      await unmap("unmap twice", base, 4 * pageSize, "ERR_INVALID_ARGUMENT");
    }),

  "an IOMMU tells its limits": (trial) =>
    withMapper(trial, ({ mapper, domain }) => {
      const { ranges, pageSize, mappingsLeft } = mapper.limits();
      trial.observe("ranges of the IOMMU are the domain's", domain.ranges, ranges);
      const { pageSize: expected } = trial.subject;
      if (expected === undefined) trial.leaveOut("the page size of an IOMMU", "the subject does not tell");
      else trial.observe("the page size of the IOMMU", pageSize, expected);
      trial.observe("the IOMMU counts mappings", mappingsLeft !== undefined, true);
    }),
};
