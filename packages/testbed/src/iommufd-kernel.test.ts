import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fingerprintOf, iommufdKernel } from "./iommufd-kernel.ts";
import { KERNEL_CONFIG } from "./kernel-config.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "userpci-kernel-"));
  vi.stubEnv("USERPCI_CACHE", join(folder, "cache"));
  vi.stubEnv("USERPCI_IOMMUFD_KERNEL", "");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** Programs that do nothing, as the only ones on PATH. */
async function onlyPrograms(...names: string[]): Promise<void> {
  for (const name of names) {
    await writeFile(join(folder, name), "#!/bin/sh\n");
    await chmod(join(folder, name), 0o755);
  }
  vi.stubEnv("PATH", folder);
}

test("an image of one's own is taken, and one that is not there is named", async () => {
  const image = join(folder, "bzImage");
  await writeFile(image, "");
  vi.stubEnv("USERPCI_IOMMUFD_KERNEL", image);
  expect(await iommufdKernel()).toEqual({ image });
  vi.stubEnv("USERPCI_IOMMUFD_KERNEL", "/nowhere/bzImage");
  await expect(iommufdKernel()).rejects.toMatchObject({
    code: "ERR_TESTBED_PLATFORM",
    message: expect.stringContaining("/nowhere/bzImage"),
  });
});

test("a machine without apt is told how to bring an image", async () => {
  await onlyPrograms();
  await expect(iommufdKernel()).rejects.toMatchObject({
    code: "ERR_TESTBED_PLATFORM",
    hint: expect.stringContaining("USERPCI_IOMMUFD_KERNEL="),
  });
});

test("a machine without a compiler is told what to install", async () => {
  await onlyPrograms("apt-get", "apt-cache", "dpkg-deb", "tar", "nice");
  await expect(iommufdKernel()).rejects.toMatchObject({
    code: "ERR_TESTBED_PLATFORM",
    message: expect.stringContaining("without gcc, make"),
    hint: "sudo apt-get install gcc libc6-dev make",
  });
});

test("a path in which the kernel's makefiles cannot work is refused before anything is fetched", async () => {
  vi.stubEnv("USERPCI_CACHE", join(folder, "two words"));
  await expect(iommufdKernel()).rejects.toMatchObject({
    code: "ERR_TESTBED_PLATFORM",
    hint: expect.stringContaining("USERPCI_CACHE"),
  });
});

test("a kernel of another configuration or compiler is another one to the cache", () => {
  const gcc = "gcc 12.2.0";
  const more = `${KERNEL_CONFIG}CONFIG_PCIE_PTM=y\n`;
  const prints = [
    fingerprintOf(KERNEL_CONFIG, gcc),
    fingerprintOf(more, gcc),
    fingerprintOf(KERNEL_CONFIG, "gcc 14"),
  ];
  expect(new Set(prints).size).toBe(3);
  expect(fingerprintOf(KERNEL_CONFIG, gcc)).toBe(prints[0]);
});
