import { MAX_IOVA } from "@userpci/interface";
import { describe, expect, it } from "vitest";
import { createDomain } from "./domain.ts";
import { MemoryMapper } from "./memory-mapper.ts";
import { TestMemory } from "./testing/memory.ts";

describe("what cannot be attached to a domain", () => {
  it.each([
    [undefined, "0000:01:00.0", /^what is attached must be a mapper, not undefined/],
    ["container", "0000:01:00.0", /^what is attached must be a mapper, not "container"/],
    [{ limits: 5 }, "0000:01:00.0", /^what is attached must be a mapper, not an object/],
    [new MemoryMapper(), undefined, /^the name of a device must be a string, not undefined/],
  ])("is refused by name, and nothing is attached: %s for %s", (mapper, device, message) => {
    const domain = createDomain();
    expect(() => domain.attach(mapper as never, device as never)).toThrow(
      expect.objectContaining({
        code: "ERR_INVALID_ARGUMENT",
        message: expect.stringMatching(message),
        hint: expect.stringMatching(/./),
      }),
    );
    expect([domain.attached, domain.ranges]).toEqual([0, []]);
  });
});

describe("a device that cannot join others", () => {
  it.each([
    [
      "reaches no address in common",
      new MemoryMapper({ ranges: [{ start: 1n << 40n, last: MAX_IOVA }] }),
      "open the device into a domain of its own",
    ],
    [
      "has larger pages",
      new MemoryMapper({ pageSize: 0x10000 }),
      "open the device into a domain of its own, or unmap that first",
    ],
  ])("is told to have a domain of its own when it %s", (_what, mapper, hint) => {
    const domain = createDomain();
    domain.attach(new MemoryMapper({ ranges: [{ start: 0x1000n, last: 0xffff_ffffn }] }), "a");
    using _mapping = domain.mapSync(new TestMemory(4096));
    expect(() => domain.attach(mapper, "b")).toThrow(expect.objectContaining({ hint }));
  });
});
