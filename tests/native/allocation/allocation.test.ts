import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { type Growth, TURNS } from "./measure.ts";

const child = fileURLToPath(new URL("../../dist/native/allocation/measure.js", import.meta.url));
/**
 * So much room for new objects that the control's do not make the collector run, and what it takes is seen whole. What is compiled
 * is there when it is due, however busy the machine: until then numbers are boxed.
 */
const flags = ["--min-semi-space-size=256", "--max-semi-space-size=256", "--no-concurrent-recompilation"];

/** Nothing shall depend on V8's choice of what it compiles into what. */
const apart = ["--max-inlined-bytecode-size=0", "--max-inlined-bytecode-size-small=0"];

async function growth(work: string, more: readonly string[] = []): Promise<Growth> {
  const argv = [...flags, ...more, child, work];
  const { stdout } = await promisify(execFile)(process.execPath, argv, { timeout: 50_000 });
  return JSON.parse(stdout) as Growth;
}

describe("the heap, over a million turns", () => {
  it.each([
    ["taking elements of pools, their addresses and bytes, and putting them back", "pool"],
    ["filling and emptying a ring", "ring"],
    ["making a scatter list", "scatter"],
    ["sending and receiving frames", "frames"],
  ])("does not grow by %s", async (_what, work) => {
    for (const { bytes, collections } of await Promise.all([growth(work), growth(work, apart)])) {
      expect(collections).toBe(0);
      // Less than an object, of 16 bytes at least, in 32 turns: what the engine itself took was up to 256 KiB.
      expect(bytes).toBeLessThan(TURNS / 2);
    }
  });

  it("is seen to grow by something that does allocate", async () => {
    const { bytes, collections } = await growth("control");
    expect(collections > 0 || bytes >= 16 * TURNS).toBe(true);
  });
});
