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
import { withBackend } from "./scene.ts";

const PAGE = 4096;
/** Where message signalled interrupts go on x86. */
const MSI_WINDOW = 0xfee0_0000n;

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
      using memory = backend.memory.alloc(4 * PAGE);
      const attempt = async (what: string, iova: bigint, size: number, outcome: string): Promise<void> => {
        const asked = request(memory, iova, size);
        await trial.expectBoth(
          `IOMMU: ${what}`,
          () => mapper.map(asked),
          () => mapper.mapSync(asked),
          outcome,
        );
      };
      mapper.mapSync(request(memory, 0x10_0000n, 4 * PAGE));
      await attempt("map over a mapping", 0x10_1000n, PAGE, "ERR_IOVA_OVERLAP");
      await attempt("map into the MSI window", MSI_WINDOW, PAGE, "ERR_IOVA_RANGE");
      await attempt("map of half a page", 0x20_0000n, 100, "ERR_IOVA_RANGE");
      await attempt("map at half a page", 0x20_0800n, PAGE, "ERR_IOVA_RANGE");
      await attempt("map of nothing", 0x20_0000n, 0, "ERR_IOVA_RANGE");
      await attempt("map past the address width", 2n ** 60n, PAGE, "ERR_IOVA_RANGE");
      await attempt("map past the last address", 2n ** 64n - 4096n, 2 * PAGE, "ERR_IOVA_RANGE");
      mapper.unmapSync(toIova(0x10_0000n), 4 * PAGE);
    }),

  "an IOMMU unmaps exactly what was mapped": (trial) =>
    withMapper(trial, async ({ mapper, backend }) => {
      using memory = backend.memory.alloc(4 * PAGE);
      mapper.mapSync(request(memory, 0x10_0000n, 4 * PAGE));
      const unmap = async (what: string, iova: bigint, size: number, outcome: string): Promise<void> => {
        const at = toIova(iova);
        await trial.expectBoth(
          `IOMMU: ${what}`,
          () => mapper.unmap(at, size),
          () => mapper.unmapSync(at, size),
          outcome,
        );
      };
      await unmap("unmap where nothing is", 0x40_0000n, PAGE, "ERR_INVALID_ARGUMENT");
      await unmap("unmap of the middle", 0x10_1000n, PAGE, "ERR_INVALID_ARGUMENT");
      await unmap("unmap of the first part", 0x10_0000n, PAGE, "ERR_INVALID_ARGUMENT");
      mapper.unmapSync(toIova(0x10_0000n), 4 * PAGE);
      await unmap("unmap twice", 0x10_0000n, 4 * PAGE, "ERR_INVALID_ARGUMENT");
    }),

  "an IOMMU tells its limits": (trial) =>
    withMapper(trial, ({ mapper, domain }) => {
      const { ranges, pageSize, mappingsLeft } = mapper.limits();
      trial.observe("ranges of the IOMMU are the domain's", domain.ranges, ranges);
      trial.observe("the page size of the IOMMU", pageSize, PAGE);
      trial.observe("the IOMMU counts mappings", mappingsLeft !== undefined, true);
    }),
};
