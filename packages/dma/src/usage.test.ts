import type { PinBudget } from "@userpci/interface";
import { createDomain } from "@userpci/iommu";
import { describe, expect, it } from "vitest";
import { Dma } from "./dma.ts";
import { TestMapper } from "./testing/mapper.ts";
import { TestSource } from "./testing/memory.ts";

const K = 4096;

/** A mapper whose kernel counts. */
class CountingMapper extends TestMapper {
  readonly #pins: PinBudget;

  constructor(pins: Partial<PinBudget>) {
    super();
    this.#pins = { scope: "process", used: 0, limit: 16 * K, exempt: false, user: "ann", ...pins };
  }

  pins(): PinBudget {
    return this.#pins;
  }
}

function opened(...mappers: TestMapper[]) {
  const domain = createDomain();
  for (const [i, mapper] of mappers.entries()) domain.attach(mapper, `device ${i}`);
  return { domain, dma: new Dma({ domain, memory: new TestSource() }) };
}

describe("what is pinned", () => {
  it("is told of the device, the domain and the process, with the limit", () => {
    const { dma, domain } = opened(new CountingMapper({ used: 6 * K }));
    new Dma({ domain, memory: new TestSource() }).allocSync(2 * K);
    dma.allocSync(K);
    expect(dma.usage()).toEqual({
      device: K,
      domain: 3 * K,
      counted: 6 * K,
      scope: "process",
      limit: 16 * K,
      left: 10 * K,
    });
  });

  it("has no limit where nothing counts, or none for this process", () => {
    const nothing = { counted: undefined, scope: undefined, limit: Infinity, left: Infinity };
    expect(opened(new TestMapper()).dma.usage()).toMatchObject(nothing);
    const exempt = opened(new CountingMapper({ exempt: true, used: K })).dma;
    expect(exempt.usage()).toMatchObject({ counted: K, limit: Infinity, left: Infinity });
    exempt.preflight(2 ** 40);
  });

  it("is the tightest of several, and twice as much where two count in the same place", () => {
    const user = new CountingMapper({ scope: "user", used: 4 * K });
    expect(opened(new CountingMapper({}), user).dma.usage()).toMatchObject({ scope: "user", left: 12 * K });
    const both = opened(new CountingMapper({}), new CountingMapper({})).dma;
    expect(both.usage()).toMatchObject({ scope: "process", left: 8 * K });
    both.preflight(8 * K);
    expect(() => both.preflight(8 * K + 1)).toThrow(expect.objectContaining({ code: "ERR_MEMLOCK" }));
  });
});

describe("the preflight", () => {
  it("throws what the kernel would, with the numbers and the line that mends it", () => {
    const { dma } = opened(new CountingMapper({ used: 6 * K }));
    dma.preflight(10 * K);
    expect(() => dma.preflight(10 * K + 1)).toThrow(
      expect.objectContaining({
        code: "ERR_MEMLOCK",
        message: expect.stringMatching(
          /^45056 bytes .* would pin 68 KiB: 24 KiB are pinned and RLIMIT_MEMLOCK is 64 KiB$/,
        ),
        hint: 'add "ann - memlock 68" to /etc/security/limits.conf and log in again, or LimitMEMLOCK=68K to the systemd unit',
        details: { used: 6 * K, asked: 11 * K, limit: 16 * K },
      }),
    );
  });

  it("refuses what is no size, and a device that is closed", () => {
    const { dma } = opened(new CountingMapper({}));
    expect(() => dma.preflight(0)).toThrow(expect.objectContaining({ code: "ERR_OUT_OF_RANGE" }));
    expect(() => dma.preflight("1" as never)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }),
    );
    dma.closeSync();
    expect(() => dma.preflight(1)).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
  });
});
