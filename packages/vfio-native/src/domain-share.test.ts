import { toIova } from "@userpci/interface";
import { expect, it } from "vitest";
import { checkPageSize } from "./domain-share.ts";

it("a share of another page size than its mappers have is refused, with both", () => {
  const share = {
    ranges: [{ start: toIova(0), last: toIova(0xffff) }],
    pageSize: 4096,
    mappers: [{ kind: "vfio-container", fd: 3 }],
  } as const;
  checkPageSize(share, 4096);
  expect(() => checkPageSize(share, 65536)).toThrow(
    expect.objectContaining({
      code: "ERR_INVALID_ARGUMENT",
      message: expect.stringMatching(/4096 bytes.* 65536 bytes/),
    }),
  );
});
