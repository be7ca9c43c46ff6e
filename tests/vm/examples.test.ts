import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { testVm } from "@userpci/testbed/vitest";
import { describe, expect, it } from "vitest";
import { prepare } from "./harness/host.ts";
import { at, USER } from "./machines.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, "utf8");

/** Runs a program of `examples/` in the guest as the ordinary user. */
async function run(...argv: string[]): Promise<string> {
  const vm = await testVm("main");
  await prepare(vm);
  const result = await vm.run(["node", ...argv], {
    cwd: `${root}examples`,
    user: String(USER),
    check: true,
    timeoutMs: 110_000,
  });
  return result.stdout;
}

describe("the examples, as an ordinary user", () => {
  it("hello.mjs moves bytes into the device and is told by an interrupt", async () => {
    expect(await run("hello.mjs")).toBe("done, interrupts: 1\n");
  });

  it("hello-using.ts reads them back", async () => {
    expect(await run("dist/hello-using.js")).toBe("1 interrupt: hello, device\n");
  });

  it("factorial.ts computes by polling and by interrupt", async () => {
    expect(await run("dist/factorial.js", at.edu, "7")).toMatch(
      /7! = 5040 by polling\n7! = 5040 by interrupt/,
    );
  });

  it("factorial.ts prints what to do about an address that does not exist", async () => {
    const vm = await testVm("main");
    const result = await vm.run(["node", "dist/factorial.js", "00:1e.7"], { cwd: `${root}examples` });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^ERR_NO_DEVICE: .*0000:00:1e\.7.*\nfix: /);
  });
});

describe("the READMEs", () => {
  it.each(["README.md", "packages/userpci/README.md"])("%s shows examples/hello.mjs as it is", (path) => {
    expect(read(path)).toContain(`\`\`\`js\n${read("examples/hello.mjs")}\`\`\``);
  });

  it("README.md shows examples/hello-using.ts as it is", () => {
    expect(read("README.md")).toContain(`\`\`\`ts\n${read("examples/hello-using.ts")}\`\`\``);
  });
});
