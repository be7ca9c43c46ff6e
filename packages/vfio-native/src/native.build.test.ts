import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const script = fileURLToPath(new URL("../scripts/build-native.mjs", import.meta.url));

function run(
  nodeOptions: string[],
  options: string[],
  env: NodeJS.ProcessEnv = {},
): SpawnSyncReturns<string> {
  const args = [...nodeOptions, script, ...options];
  return spawnSync(process.execPath, args, { encoding: "utf8", env: { ...process.env, ...env } });
}

/** Makes the script believe in another system. */
function pretend(property: "platform" | "arch", value: string): string[] {
  const code = `Object.defineProperty(process, "${property}", { value: "${value}" })`;
  return ["--import", `data:text/javascript,${encodeURIComponent(code)}`];
}

describe("building the addon", () => {
  it("is skipped when nothing has changed", { timeout: 120_000 }, () => {
    run([], []);
    const { status, stdout } = run([], []);
    expect([status, stdout]).toEqual([0, "vfio-native: addon is up to date\n"]);
  });

  it.each([
    ["platform", "darwin"],
    ["arch", "s390x"],
  ] as const)("has nothing to do where VFIO cannot be (%s %s), and says so", (property, value) => {
    const { status, stdout } = run(pretend(property, value), ["--force"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`nothing to build .*${value}`));
  });

  it("names the command that installs what is missing", () => {
    const { status, stderr } = run([], ["--force"], { PATH: "/nonexistent", CXX: "" });
    expect(status).toBe(1);
    expect(stderr).toContain("sudo apt-get install -y g++ make python3 binutils");
  });
});
