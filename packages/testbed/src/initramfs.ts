import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { cacheDirectory, publishFile } from "./cache.ts";
import { type CpioEntry, cpio, DIRECTORY, EXECUTABLE, FILE } from "./cpio.ts";
import { TestbedError } from "./error.ts";
import { type GuestSettings, INIT, SECOND_STAGE, settingsScript } from "./guest/scripts.ts";
import { loadOrder, moduleName, readModuleIndex } from "./modules.ts";
import type { Kernel, Parts } from "./parts.ts";
import { BOOT_MODULES, RECIPE_VERSION } from "./recipe.ts";
import type { Command } from "./tool.ts";

const MODULE_BYTES_LIMIT = 256 * 1024 * 1024;

/**
 * The bytes of the initial root: a part that depends on the kernel only (kept in the cache), and the settings of this boot.
 * @throws TestbedError ERR_TESTBED_PROVISION when a module cannot be read or decompressed.
 */
export async function initramfs(parts: Parts, kernel: Kernel, settings: GuestSettings): Promise<Buffer> {
  const own = cpio([{ path: "settings", mode: FILE, data: settingsScript(settings) }]);
  return Buffer.concat([await commonPart(parts, kernel), own]);
}

async function commonPart(parts: Parts, kernel: Kernel): Promise<Buffer> {
  const path = join(cacheDirectory(), "initramfs", `${await fingerprint(parts, kernel)}.cpio`);
  if (existsSync(path)) return readFile(path);
  const archive = cpio(await entries(parts, kernel));
  await publishFile(path, archive);
  return archive;
}

/** Names everything that the common part is made of. */
async function fingerprint(parts: Parts, kernel: Kernel): Promise<string> {
  const hash = createHash("sha256").update(
    JSON.stringify([RECIPE_VERSION, INIT, SECOND_STAGE, BOOT_MODULES]),
  );
  for (const path of [parts.busybox, kernel.modules && join(kernel.modules, "modules.dep")]) {
    if (!path) continue;
    const { size, mtimeMs } = await stat(path);
    hash.update(JSON.stringify([path, size, mtimeMs]));
  }
  return hash.digest("hex").slice(0, 32);
}

async function entries(parts: Parts, kernel: Kernel): Promise<CpioEntry[]> {
  const directories = ["bin", "dev", "lib", "new", "proc", "ro", "rw", "sys"];
  const modules = kernel.modules ? await bootModules(kernel.modules, parts.xz) : [];
  const order = modules.map((entry) => `/${entry.path}\n`).join("");
  return [
    ...directories.map((path) => ({ path, mode: DIRECTORY })),
    { path: "bin/busybox", mode: EXECUTABLE, data: await readFile(parts.busybox) },
    { path: "init", mode: EXECUTABLE, data: INIT },
    { path: "second-stage.sh", mode: FILE, data: SECOND_STAGE },
    { path: "modules.order", mode: FILE, data: order },
    ...modules,
  ];
}

async function bootModules(directory: string, xz: Command): Promise<CpioEntry[]> {
  const files = loadOrder(await readModuleIndex(directory), BOOT_MODULES);
  return Promise.all(
    files.map(async (file) => ({
      path: `lib/${moduleName(file)}.ko`,
      mode: FILE,
      data: await readModule(join(directory, file), xz),
    })),
  );
}

/** A module's bytes, decompressed here because the emulated processor would take much longer. */
async function readModule(path: string, xz: Command): Promise<Uint8Array> {
  if (path.endsWith(".ko")) return readFile(path);
  if (path.endsWith(".ko.gz")) return gunzipSync(await readFile(path));
  if (path.endsWith(".ko.xz")) return decompress(xz, path);
  if (path.endsWith(".ko.zst")) return decompress(["zstd"], path);
  throw new TestbedError("ERR_TESTBED_PROVISION", `${path}: unknown compression of a kernel module`, {
    hint: `known are .ko, .ko.gz, .ko.xz and .ko.zst; the modules are in ${dirname(path)}`,
  });
}

async function decompress([file, ...leading]: Command, path: string): Promise<Uint8Array> {
  const settings = { encoding: "buffer", maxBuffer: MODULE_BYTES_LIMIT } as const;
  try {
    return (await promisify(execFile)(file, [...leading, "-dc", path], settings)).stdout;
  } catch (cause) {
    throw new TestbedError("ERR_TESTBED_PROVISION", `${file} could not decompress ${path}`, { cause });
  }
}
