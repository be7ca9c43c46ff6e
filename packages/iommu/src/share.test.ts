import { type DmaMapper, type DmaMapping, isPciError, PciError, toIova } from "@userpci/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDomain } from "./domain.ts";
import { MemoryMapper } from "./memory-mapper.ts";
import { TestMemory } from "./testing/memory.ts";

const K = 4096;

type Request = Parameters<DmaMapper["mapSync"]>[0];

/** An IOMMU as the kernel has it: one table for all who have its descriptor, dropped with the last of them. */
class Kernel {
  readonly table = new MemoryMapper({ ranges: [{ start: 0x1000n, last: 0x7_ffffn }] });
  readonly #live = new Map<bigint, number>();
  #handles = 0;
  refuses = false;

  /** Who has the descriptor. @param adopted whether its mappings may be gone before it unmaps them */
  open(adopted: boolean): DmaMapper {
    this.#handles += 1;
    return {
      name: "kernel",
      share: () => ({ kind: "vfio-container", fd: 3 }),
      limits: () => this.table.limits(),
      mapSync: (request) => this.#map(request),
      map: async (request) => this.#map(request),
      unmapSync: (iova, size) => this.#unmap(iova, size, adopted),
      unmap: async (iova, size) => this.#unmap(iova, size, adopted),
      sweepSync: (iova, size) => this.#sweep(iova, iova + BigInt(size)),
      close: () => this.leave(),
    };
  }

  /** Gives a descriptor back, as the end of a process does too. */
  leave(): void {
    this.#handles -= 1;
    if (this.#handles === 0) this.table.close();
  }

  #map(request: Request): void {
    this.table.mapSync(request);
    this.#live.set(request.iova, request.size);
  }

  #unmap(iova: bigint, size: number, adopted: boolean): void {
    if (adopted && !this.#live.has(iova)) return;
    this.table.unmapSync(iova, size);
    this.#live.delete(iova);
  }

  #sweep(start: bigint, end: bigint): void {
    if (this.refuses) throw new PciError("EBUSY", "the IOMMU will not let go", { hint: "later" });
    for (const [iova, size] of this.#live) if (iova >= start && iova < end) this.#unmap(iova, size, false);
  }
}

/** A process with a device, and one that got a window of its addresses; both have mapped something. */
class Processes {
  readonly kernel = new Kernel();
  readonly owner = createDomain({ label: "owner" });
  readonly #device = this.owner.attach(this.kernel.open(false), "a");
  readonly window = this.owner.reserve(8 * K, { label: "guest" });
  readonly guest = createDomain({ label: "guest", ranges: this.owner.share(this.window).ranges });
  readonly mine = this.owner.mapSync(new TestMemory(2 * K));
  readonly theirs: DmaMapping;
  killed = false;

  constructor() {
    this.guest.attach(this.kernel.open(true), "the owner's").detach();
    this.theirs = this.guest.mapSync(new TestMemory(3 * K));
  }

  /** How many mappings of the guest a device could see: none does once the owner has closed, which took its devices out. */
  get seen(): number {
    if (this.owner.closed) return 0;
    return this.kernel.table.translate(this.theirs.iova, 1, "to-device").slices.length;
  }

  readonly steps = {
    device: () => this.#device.detach(),
    mine: () => this.mine.unmapSync(),
    theirs: () => this.killed || this.theirs.unmapSync(),
    window: () => {
      this.window.close();
      expect(this.seen).toBe(0);
    },
    owner: () => this.owner.closeSync(),
    guest: () => {
      if (this.killed) return;
      this.guest.closeSync();
      expect(this.seen).toBe(0);
    },
    kill: () => {
      if (this.killed || this.guest.closed) return;
      this.killed = true;
      this.kernel.leave();
    },
  } as const;
}

describe("two processes in one address space", () => {
  it("close devices, mappings, the reservation and the domains in any order, or are killed, and leave nothing", () => {
    const names = Object.keys(new Processes().steps) as (keyof Processes["steps"])[];
    const order = fc.shuffledSubarray(names, { minLength: 0 });
    fc.assert(
      fc.property(order, (some) => {
        const processes = new Processes();
        // What was too early, or left out, comes again.
        for (const name of [...some, ...names]) {
          try {
            processes.steps[name]();
          } catch (error) {
            expect([name, isPciError(error, "ERR_DOMAIN_IN_USE")]).toEqual(["owner", true]);
          }
        }
        expect([processes.kernel.table.size, processes.owner.closed]).toEqual([0, true]);
        expect([processes.mine.closed, processes.window.closed]).toEqual([true, true]);
      }),
      { numRuns: 500 },
    );
  });

  it("share the addresses again after one of them was killed", () => {
    const { kernel, owner, window, theirs, steps } = new Processes();
    steps.kill();
    expect(kernel.table.size).toBe(2);
    window.close();
    expect(kernel.table.size).toBe(1);
    owner.mapSync(new TestMemory(8 * K), { iova: toIova(theirs.iova) });
  });
});

describe("the close of a reservation", () => {
  it("takes nothing out of an IOMMU when it was not shared", () => {
    const kernel = new Kernel();
    const domain = createDomain();
    domain.attach(kernel.open(false), "a");
    kernel.refuses = true;
    domain.reserve(K).close();
  });

  it("keeps the addresses when an IOMMU does not let go, and can be called again", () => {
    const { kernel, owner, window } = new Processes();
    kernel.refuses = true;
    expect(() => window.close()).toThrow(expect.objectContaining({ code: "EBUSY" }));
    expect([window.closed, owner.explain(window.iova).state]).toEqual([false, "reserved"]);
    kernel.refuses = false;
    window.close();
    expect([window.closed, owner.explain(window.iova).state, kernel.table.size]).toEqual([true, "free", 1]);
  });
});

describe("a reservation to be shared", () => {
  it("is one of that domain, not of another with the same addresses", () => {
    const [first, second] = [new Processes(), new Processes()];
    expect(second.window.range).toEqual(first.window.range);
    expect(() => first.owner.share(second.window)).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
  });
});
