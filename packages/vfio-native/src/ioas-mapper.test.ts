import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { IoasMapper } from "./ioas-mapper.ts";
import { Iommufd } from "./iommufd.ts";
import { loadNative } from "./native.ts";
import { FakeKernel } from "./test/fake-kernel.ts";

const native = loadNative();
const coded = (code: string) => expect.objectContaining({ code, message: expect.any(String) });

let before = native.ledger();
beforeEach(() => {
  before = native.ledger();
});
afterEach(() => {
  vi.restoreAllMocks();
  expect(native.ledger()).toEqual(before);
});

function open(kernel: FakeKernel): IoasMapper {
  const iommufd = Iommufd.open(kernel.native, "user", () => undefined);
  return new IoasMapper(iommufd, { id: iommufd.allocIoas(), onClose: () => undefined });
}

describe("the mappings of an address space that is closed", () => {
  it("are given to nobody else: its descriptor's number is another file's by then", () => {
    const mapper = open(new FakeKernel());
    expect(mapper.share()).toEqual({ kind: "iommufd-ioas", fd: mapper.iommufd.fd, object: mapper.id });
    mapper.close();
    expect(() => mapper.share()).toThrow(coded("ERR_CLOSED"));
  });
});
