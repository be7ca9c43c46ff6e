import type { Bench, Limit } from "../bench.ts";
import { DeviceAccess, loadNative, PreadRegion } from "../internals.ts";
import { SharedPage } from "../shared-page.ts";
import { quickest } from "../timing.ts";

// The same in c/file.c.
const REGISTER = 8;
const OPERATIONS = 500;
const SLICES = 100;

const limits: readonly Limit[] = [{ of: "C", atMost: 1.2 }];

/** A 32-bit register by one system call, as in configuration space; the file is memory, so that no device takes time. */
export async function fileRows(bench: Bench): Promise<void> {
  using page = new SharedPage();
  const access = new DeviceAccess(loadNative(), page.fd, "memory", 0);
  const config = new PreadRegion(access, { name: "config space", base: 0, size: 4096 });

  const read = (): void => {
    for (let i = 0; i < OPERATIONS; i++) config.read32(REGISTER);
  };
  const write = (): void => {
    for (let i = 0; i < OPERATIONS; i++) config.write32(REGISTER, i);
  };
  await bench.row({
    name: "config read by pread, 32 bits",
    typescript: () => quickest(read, OPERATIONS, SLICES),
    c: ["file", "pread", page.path],
    limits,
  });
  await bench.row({
    name: "config write by pwrite, 32 bits",
    typescript: () => quickest(write, OPERATIONS, SLICES),
    c: ["file", "pwrite", page.path],
  });
}
