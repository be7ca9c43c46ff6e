import { fileURLToPath } from "node:url";
import type { RunResult, Vm } from "@userpci/testbed";
import { testVm } from "@userpci/testbed/vitest";
import { beforeAll, describe, expect, it } from "vitest";

// What of the SIGBUS rule needs a kernel of our own: memory that fails for good, and huge pages.

const packageFolder = fileURLToPath(new URL("../../../packages/vfio-native", import.meta.url));
let vm: Vm;

beforeAll(async () => {
  vm = await testVm("main");
});

/** Runs `body` in the guest with the addon as `native`. */
function run(body: string): Promise<RunResult> {
  const prelude = `
    const folder = ${JSON.stringify(packageFolder)};
    const { createRequire } = require("node:module");
    const native = createRequire(folder + "/package.json")("node-gyp-build")(folder);
    const { constants } = native;
    const RW = constants.PROT_READ | constants.PROT_WRITE;
    const page = native.pageSize();
    const words = (address, length) => new Int32Array(native.view(address, length));\n`;
  return vm.run([process.execPath, "-e", prelude + body]);
}

describe("claimed memory", () => {
  it("that fails in hardware still kills the process: ones would be a lie", async () => {
    const { code, signal, stdout } = await run(`
      const MADV_HWPOISON = 100; // asm-generic/mman-common.h
      const address = native.mmap(page, RW, constants.MAP_PRIVATE | constants.MAP_ANONYMOUS, -1, 0);
      const memory = words(address, page);
      memory[0] = 5;
      console.log(native.claimFaults(address, page), native.madvise(address, page, MADV_HWPOISON));
      console.log("alive", memory[0]);`);
    expect({ stdout, signal: signal ?? code }).toEqual({ stdout: "0 0\n", signal: "SIGBUS" });
  });

  it("of huge pages becomes ones as a whole", async () => {
    const { stdout, stderr } = await run(`
      const huge = 2 ** 21;
      const fd = native.memfd("bar", 2 * huge, constants.MFD_HUGETLB | constants.MFD_HUGE_2MB, 0);
      const address = native.mmap(2 * huge, RW, constants.MAP_SHARED, fd, 0);
      const memory = words(address, 2 * huge);
      const flag = new Int32Array(native.faultFlag(native.claimFaults(address, 2 * huge)));
      require("node:fs").ftruncateSync(fd, huge);
      console.log(memory[0], flag[0]);
      console.log(memory.at(-1), memory[huge / 4], memory[0], flag[0]);`);
    expect({ stdout, stderr }).toEqual({ stdout: "0 0\n-1 -1 -1 1\n", stderr: "" });
  });
});
