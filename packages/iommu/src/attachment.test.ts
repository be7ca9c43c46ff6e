import { describe, expect, it } from "vitest";
import { createDomain } from "./domain.ts";
import { MemoryMapper } from "./memory-mapper.ts";

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
