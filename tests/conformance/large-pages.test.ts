import { conformance, type Subject } from "@userpci/conformance";
import {
  type Backend,
  type BackendDevice,
  type DmaMemory,
  irqKinds,
  type MemorySource,
  type OpenOptions,
  PciError,
} from "@userpci/interface";
import { createDomain, MemoryMapper } from "@userpci/iommu";
import { expect, it } from "vitest";

const SMALL = 4096;

/** Memory on JavaScript's heap, in pages that are smaller than the IOMMU's. */
function alloc(asked: number): DmaMemory {
  let users = 0;
  const size = Math.ceil(asked / SMALL) * SMALL;
  const memory = {
    size,
    pageSize: SMALL,
    buffer: new ArrayBuffer(size),
    closed: false,
    retain: () => void users++,
    release: () => void users--,
    close() {
      if (users > 0) throw new PciError("ERR_BUSY", "the memory is mapped", { hint: "unmap it" });
      memory.closed = true;
    },
    [Symbol.dispose]: () => memory.close(),
  };
  return memory;
}

/** A backend whose devices are nothing but an IOMMU. */
function backendWith(pageSize: number): Backend {
  async function open(address: string, { domain = createDomain() }: OpenOptions = {}) {
    const attachment = domain.attach(
      new MemoryMapper({ pageSize, ranges: [{ start: 0n, last: 2n ** 48n - 1n }] }),
      address,
    );
    return { domain, ownsDomain: false, close: async () => attachment.detach() } as unknown as BackendDevice;
  }
  const memory = { name: "heap", pageSize: SMALL, alloc } satisfies MemorySource;
  return {
    memory,
    open,
    createDomain: () => createDomain(),
    close: async () => undefined,
  } as unknown as Backend;
}

const PAGE = 2 ** 20;
const vectors = Object.fromEntries(irqKinds.map((kind) => [kind, 0])) as Subject["main"]["vectors"];
const subject: Subject = {
  backend: "large pages",
  create: () => backendWith(PAGE),
  main: { address: "0000:01:00.0", ids: 0, resettable: true, vectors, bar: 0 },
  missing: "0000:00:1e.7",
  pageSize: PAGE,
  features: [],
};
const tests = conformance(subject);

it.each([
  "a domain without a device maps nothing",
  "what makes no sense is refused, and keeps nothing",
  "mappings are found, do not overlap, and hold their memory",
  "addresses stay within what a device can drive",
  "a domain outlives its devices, and is not closed under them",
  "the valid addresses ascend, and leave out what is reserved",
  "an IOMMU unmaps exactly what was mapped",
])("with pages of 1 MiB: %s", async (name) => {
  const { run } = tests.find((test) => test.name === name)!;
  await expect(run()).resolves.toBeUndefined();
});
