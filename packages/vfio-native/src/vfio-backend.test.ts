import { failing } from "@userpci/interface/testing";
import { MemoryMapper } from "@userpci/iommu";
import { describe, expect, it } from "vitest";
import { vfioCdev } from "./cdev-backend.ts";
import { vfioGroup } from "./group-backend.ts";

const makers = [
  ["vfioGroup", vfioGroup],
  ["vfioCdev", vfioCdev],
] as const;

describe.each(makers)("%s", (_name, make) => {
  it.each<[unknown, unknown, RegExp]>([
    [undefined, {}, /address must be a string, not undefined/],
    ["0000:00:04.0", null, /options must be an object, not null/],
    ["0000:00:04.0", 5, /options must be an object, not 5/],
    ["0000:00:04.0", { domain: null }, /domain must be an object, not null/],
    ["0000:00:04.0", { domain: {} }, /domain has no attach\(\)/],
    ["0000:00:04.0", { vfToken: 5 }, /vfToken must be a string, not 5/],
    ["0000:00:04.0", { vfToken: "5" }, /a VF token is a UUID, not "5"/],
    ["0000:00:04.0", { dmaBits: 28 }, /has no option "dmaBits"/],
  ])("open of %s with %o is refused before anything is touched", async (address, options, message) => {
    const backend = make();
    const refused = expect.objectContaining({
      code: "ERR_INVALID_ARGUMENT",
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/./),
    });
    await expect(backend.open(address as never, options as never)).rejects.toEqual(refused);
    expect(() => backend.openSync(address as never, options as never)).toThrow(refused);
  });

  it("a closed backend makes no domain, and closes again without harm", async () => {
    const backend = make();
    await backend.close();
    backend.closeSync();
    expect(() => backend.createDomain()).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
  });
});

it.each(makers)("%s makes domains with the options of createDomain", (_name, make) => {
  const backend = make();
  const ranges = [{ start: 0x10_0000n, last: 0x1f_ffffn }];
  const domain = backend.createDomain({ label: "lab", guard: 8192, addressBits: 28, ranges });
  const attachment = domain.attach(new MemoryMapper(), "a device");
  expect(domain.ranges).toEqual(ranges);
  const memory = backend.memory.alloc(4096);
  const [first, second] = [0, 1].map(() => domain.mapSync(memory).iova);
  expect(Math.abs(Number(second! - first!))).toBeGreaterThanOrEqual(4096 + 8192);
  attachment.detach();
  domain.closeSync();
  memory.close();
  expect(() => backend.createDomain({ guard: -1 })).toThrow(failing("ERR_OUT_OF_RANGE"));
  expect(() => backend.createDomain({ guards: 8192 } as object)).toThrow(
    failing("ERR_INVALID_ARGUMENT", /guards/),
  );
});

it("a container has no dirty bits, and says what has", () => {
  expect(() => vfioGroup().createDomain({ dirtyTracking: true })).toThrow(
    expect.objectContaining({ code: "ERR_NOT_SUPPORTED", hint: expect.stringContaining("vfioCdev()") }),
  );
});

it("pages are counted by user or by process", () => {
  expect(() => vfioCdev({ accounting: "moon" as never })).toThrow(
    expect.objectContaining({ code: "ERR_INVALID_ARGUMENT", hint: expect.stringMatching(/./) }),
  );
});
