import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { expectLines, expectSchema } from "./testing/schema.ts";

const userpci = fileURLToPath(new URL("../bin/userpci.js", import.meta.url));

/** Runs the built command. */
async function demo(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [userpci, "demo", ...args]);
  return stdout;
}

interface DemoJson {
  readonly ok: boolean;
  readonly machine: { readonly kind: string };
  readonly steps: readonly { readonly step: string; readonly results: Record<string, unknown> }[];
}

describe("userpci demo", () => {
  it("drives an edu of another process over vfio-user, and ends that process", async () => {
    const { ok, machine, steps } = expectSchema("demo", await demo("--json")) as DemoJson;
    expect(ok).toBe(true);
    expect(machine.kind).toBe("another process");
    expect(steps.map(({ step }) => step)).toEqual([
      "serve",
      "open",
      "config",
      "map",
      "factorial",
      "dma",
      "msi",
      "isolation",
      "close",
      "stop",
    ]);
    const { pid } = steps[0]!.results as { pid: number };
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });

  it("in this process needs no server, and tells people each step", async () => {
    const text = await demo("--in-process");
    expect(text).toMatch(/✓ factorial +the device says \d+! = \d+/);
    expect(text).toContain("all of it held");
  });

  it("tells programs each step at once", async () => {
    const lines = expectLines("demo", await demo("--in-process", "--jsonl"));
    const types = lines.map(({ type }) => type);
    expect([types[0], new Set(types.slice(1, -1)), types.at(-1)]).toEqual([
      "machine",
      new Set(["step"]),
      "ended",
    ]);
  });

  it("plays in one place", async () => {
    await expect(demo("--vm", "--here", "--json")).rejects.toMatchObject({
      code: 2,
      stdout: expect.stringContaining("ERR_USAGE"),
    });
  });
});
