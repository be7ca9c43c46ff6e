// Brings node_modules in line with the lock file, and remembers that it did.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findPnpm, wantedPnpm } from "./pnpm.mjs";
import { capture } from "./process.mjs";
import { step } from "./progress.mjs";
import { privatePackages, publicPackages, root } from "./workspace.mjs";

/** Lives where it is true: deleting node_modules deletes it. */
const stampFile = join(root, "node_modules", ".userpci-install.json");

/**
 * Installs what the lock file names, unless that was done already.
 * @returns {Promise<string>} the folder that holds the `pnpm` command
 */
export async function ensureInstalled() {
  const inputs = digest();
  const stamp = readStamp();
  const found = stamp !== undefined && existsSync(join(stamp.pnpm, "pnpm"));
  if (found && stamp.inputs === inputs && modulesExist()) return stamp.pnpm;
  const version = wantedPnpm(root);
  const pnpm = await step(`Finding pnpm ${version}`, () => findPnpm(version));
  await step(`Installing packages with pnpm ${version}`, () =>
    capture(join(pnpm, "pnpm"), ["install", "--frozen-lockfile", "--config.confirmModulesPurge=false"], {
      cwd: root,
    }),
  );
  writeFileSync(stampFile, JSON.stringify({ inputs, pnpm }));
  return pnpm;
}

/** A digest of everything that decides what node_modules holds. */
function digest() {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch} ${process.versions.modules}`);
  const files = ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", ".npmrc"].map((name) =>
    join(root, name),
  );
  for (const { folder } of [...publicPackages(), ...privatePackages()])
    files.push(join(folder, "package.json"));
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(file));
  return hash.digest("hex");
}

/** Whether no package has lost its own node_modules since. */
function modulesExist() {
  return [...publicPackages(), ...privatePackages()].every(({ folder, manifest }) => {
    const wanted = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
    return wanted.every((name) => existsSync(join(folder, "node_modules", name)));
  });
}

/** @returns {{ inputs: string, pnpm: string } | undefined} */
function readStamp() {
  if (!existsSync(stampFile)) return undefined;
  try {
    return JSON.parse(readFileSync(stampFile, "utf8"));
  } catch {
    return undefined; // Cut short by a crash: install again.
  }
}
