import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { boot, type Vm } from "@userpci/testbed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Consumer, type Manager } from "./consumer.ts";
import { packAll, type Tarball } from "./repository.ts";

/** The edu of the virtual machine. */
const ADDRESS = "0000:00:04.0";

/** The ordinary user that drives it: "nobody". */
const USER = "65534";

const folder = mkdtempSync(join(tmpdir(), "userpci-tarballs-"));
let tarballs: Tarball[];
let vm: Vm;

beforeAll(async () => {
  tarballs = await packAll(folder);
  vm = await boot({ devices: ["edu"], reachable: [tmpdir()] });
});

afterAll(async () => {
  await vm?.close();
  rmSync(folder, { recursive: true, force: true });
});

it("the tarballs carry no source and no test", () => {
  for (const { name, files } of tarballs) {
    const leaked = files.filter(({ path }) => /(^src\/|\.test\.|(?<!\.d)\.ts$|tsbuildinfo)/.test(path));
    expect({ name, leaked }).toEqual({ name, leaked: [] });
  }
});

describe.each<Manager>(["npm", "pnpm"])("installed by %s without a compiler on PATH", (manager) => {
  let consumer: Consumer;
  let said: string;
  let counts: Map<string, number>;

  beforeAll(async () => {
    consumer = new Consumer(manager, tarballs);
    said = await consumer.install();
    counts = await consumer.compile();
  });

  afterAll(() => consumer?.[Symbol.dispose]());

  it("has every package with its licences, and the manager saw no script to run", () => {
    expect(consumer.packages).toContain("userpci");
    for (const name of consumer.packages)
      expect(readdirSync(consumer.installed(name))).toEqual(
        expect.arrayContaining(["LICENSE.Apache-2.0", "LICENSE.MIT", "README.md", "package.json"]),
      );
    expect(said).not.toMatch(
      /gyp (ERR|info|verb)|node-gyp rebuild|Ignored build scripts|approve-builds|allow-scripts/i,
    );
  });

  it("has manifests that install anywhere: no script, no os field, no range of the workspace", () => {
    for (const name of consumer.packages) {
      const { scripts = {}, os, cpu, dependencies = {} } = consumer.manifest(name);
      expect(Object.keys(scripts as object)).not.toEqual(
        expect.arrayContaining([expect.stringMatching(/^((pre|post)?install|prepare)$/)]),
      );
      expect({ os, cpu }).toEqual({ os: undefined, cpu: undefined });
      expect(JSON.stringify(dependencies)).not.toMatch(/workspace:|catalog:|file:/);
    }
  });

  it("has the prebuilt addon, and no binding.gyp that would start a build", () => {
    const native = consumer.installed("@userpci/vfio-native");
    const prebuilt = readdirSync(join(native, "prebuilds", `linux-${process.arch}`));
    expect(prebuilt).toContainEqual(expect.stringMatching(/\.node$/));
    expect(existsSync(join(native, "binding.gyp"))).toBe(false);
  });

  it("type-checks and imports every export of every entry point", async () => {
    expect([...counts].filter(([, count]) => count === 0)).toEqual([]);
    expect(counts.size).toBeGreaterThanOrEqual(tarballs.length);
    await consumer.node(["out/all-exports.js"]);
  });

  it("type-checks pci-config, and what it imports, for a browser", async () => {
    await consumer.compileForBrowser(
      `import { bytesRegion, configOf } from "@userpci/pci-config";
       export const config = configOf(bytesRegion(new Uint8Array(256)));`,
    );
  });

  it("loads the addon in the main thread and in a worker", async () => {
    const { stdout } = await consumer.node(["out/addon.js"]);
    expect(stdout).toBe("addon ok in the main thread and in a worker\n");
  });

  it("drives the edu of a real kernel as an ordinary user", async () => {
    const inside = { cwd: consumer.folder, check: true } as const;
    await vm.run(["node_modules/.bin/userpci", "bind", ADDRESS, "--user", USER], inside);
    const { stdout } = await vm.run(["node", "out/drive.js", ADDRESS], { ...inside, user: USER });
    expect(stdout).toBe(`drove ${ADDRESS} as uid ${USER}\n`);
    await vm.run(["node_modules/.bin/userpci", "unbind", ADDRESS], inside);
  });
});
