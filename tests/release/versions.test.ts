import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { repository, run } from "./repository.ts";

interface Manifest {
  name: string;
  version: string;
  dependencies?: Record<string, string>;
}

/** A copy of the manifests and of what a release reads, every package at 0.1.0. */
let copy: string;

beforeEach(async () => {
  copy = mkdtempSync(join(tmpdir(), "userpci-versions-"));
  const manifests = ["tests", "benchmarks", "examples", ...packageFolders()].map((name) =>
    join(name, "package.json"),
  );
  for (const file of ["package.json", "pnpm-workspace.yaml", ".changeset/config.json", ...manifests]) {
    if (!existsSync(join(repository, file))) continue;
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(repository, file), join(copy, file), { force: false, errorOnExist: true });
  }
  for (const folder of packageFolders()) write(folder, { ...read(folder), version: "0.1.0" });
  symlinkSync(join(repository, "node_modules"), join(copy, "node_modules"));
  await git("init", "--quiet", "--initial-branch=main");
  await git("add", "--all", ":!node_modules");
  await git("-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "-m", "start");
});

afterEach(() => rmSync(copy, { recursive: true, force: true }));

function packageFolders(): string[] {
  return readdirSync(join(repository, "packages"))
    .map((name) => join("packages", name))
    .filter((folder) => existsSync(join(repository, folder, "package.json")));
}

function read(folder: string): Manifest {
  return JSON.parse(readFileSync(join(copy, folder, "package.json"), "utf8")) as Manifest;
}

function write(folder: string, manifest: Manifest): void {
  writeFileSync(join(copy, folder, "package.json"), JSON.stringify(manifest, null, 2));
}

async function git(...args: string[]): Promise<void> {
  await run("git", args, { cwd: copy });
}

/** Releases one changeset and returns the packages that moved, with their new versions. */
async function release(name: string, bump: "patch" | "minor"): Promise<Record<string, string>> {
  writeFileSync(join(copy, ".changeset", "one.md"), `---\n"${name}": ${bump}\n---\n\nA change.\n`);
  await run(process.execPath, [join(repository, "node_modules/@changesets/cli/bin.js"), "version"], {
    cwd: copy,
  });
  const after = packageFolders().map(read);
  return Object.fromEntries(
    after.filter(({ version }) => version !== "0.1.0").map(({ name, version }) => [name, version]),
  );
}

it("a patch moves its own package only: dependents' ranges still admit it", async () => {
  expect(await release("@userpci/interface", "patch")).toEqual({ "@userpci/interface": "0.1.1" });
});

it("a patch of what the command holds the code of, and finds an addon in, moves the command too", async () => {
  expect(await release("@userpci/vfio-native", "patch")).toEqual({
    "@userpci/vfio-native": "0.1.1",
    "@userpci/cli": "0.1.1",
  });
});

it("a change that leaves the range of dependents moves those that name it, and no other", async () => {
  const dependents = packageFolders()
    .map(read)
    .filter(({ dependencies = {} }) => "@userpci/pci-config" in dependencies)
    .map(({ name }) => name);
  expect(dependents).toContain("userpci");
  const moved = await release("@userpci/pci-config", "minor");
  expect(moved).toEqual({
    "@userpci/pci-config": "0.2.0",
    ...Object.fromEntries(dependents.map((name) => [name, "0.1.1"])),
  });
  expect(read("packages/userpci").dependencies).toMatchObject({ "@userpci/pci-config": "workspace:^" });
});
