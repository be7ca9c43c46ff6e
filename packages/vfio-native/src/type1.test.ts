import { toIova } from "@userpci/interface";
import { expect, it, vi } from "vitest";
import { MemfdSource } from "./memfd-memory.ts";
import { loadNative } from "./native.ts";
import { Type1Mapper } from "./type1.ts";

const native = loadNative();

it("a container that is closed maps nothing, and says what to do", () => {
  const before = native.ledger();
  const fd = native.memfd("no container", 4096, 0, 0);
  const mapper = new Type1Mapper(native, fd, { name: "container", onClose: () => undefined });
  mapper.close();
  using memory = new MemfdSource().alloc(4096);
  const request = { iova: toIova(0), size: memory.size, memory, offset: 0, direction: "to-device" } as const;
  expect(() => mapper.mapSync(request)).toThrow(
    expect.objectContaining({ code: "ERR_CLOSED", hint: expect.stringMatching(/new domain/) }),
  );
  memory.close();
  expect(native.ledger()).toEqual(before);
});

it("a container that is closed asks nothing of what has its number by then, and gives that to nobody", () => {
  const fd = native.memfd("no container", 4096, 0, 0);
  const mapper = new Type1Mapper(native, fd, { name: "container", onClose: () => undefined });
  expect(mapper.share()).toEqual({ kind: "vfio-container", fd });
  mapper.close();
  using ioctl = vi.spyOn(native, "ioctl");
  expect(() => mapper.share()).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
  expect(() => mapper.limits()).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
  expect(ioctl).not.toHaveBeenCalled();
});
