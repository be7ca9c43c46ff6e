import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { provisionNewestQemu } from "./newest-qemu.ts";
import { ownParts } from "./own-parts.ts";
import { provision } from "./provision.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "userpci-parts-"));
  vi.stubEnv("PATH", `${folder}:/usr/bin:/bin`);
  for (const name of ["USERPCI_QEMU", "USERPCI_KERNEL", "USERPCI_MODULES", "USERPCI_BUSYBOX"])
    vi.stubEnv(name, "");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

async function program(name: string, script: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

async function file(name: string): Promise<string> {
  await writeFile(join(folder, name), "");
  return join(folder, name);
}

test("everything that is missing is listed, with what was looked at first", async () => {
  vi.stubEnv("PATH", folder);
  await expect(ownParts()).rejects.toMatchObject({
    code: "ERR_TESTBED_PLATFORM",
    message: expect.stringMatching(
      /qemu-system-x86_64 was not found; .*\n.*qemu-system-x86_64 10[\s\S]*USERPCI_KERNEL[\s\S]*busybox/,
    ),
  });
});

test("a machine without apt needs its own parts", async () => {
  vi.stubEnv("PATH", folder);
  await expect(provision()).rejects.toMatchObject({ code: "ERR_TESTBED_PLATFORM" });
});

test("the environment names the parts, and provisioning takes them", async () => {
  const qemu = await program("my-qemu", 'echo "QEMU emulator version 11.0.1"');
  vi.stubEnv("USERPCI_QEMU", qemu);
  vi.stubEnv("USERPCI_BUSYBOX", await program("my-busybox", "true"));
  vi.stubEnv("USERPCI_KERNEL", await file("bzImage"));
  vi.stubEnv("USERPCI_MODULES", `${folder}/`);
  expect(await provision()).toMatchObject({
    qemu: [qemu],
    kernel: { image: join(folder, "bzImage"), modules: folder, release: folder.split("/").at(-1) },
  });
});

test("the machine's own QEMU does for vfio-user if it has the device, and is named if it has not", async () => {
  const version = 'echo "QEMU emulator version 10.0.2"';
  vi.stubEnv("USERPCI_BUSYBOX", await program("my-busybox", "true"));
  vi.stubEnv("USERPCI_KERNEL", await file("bzImage"));
  vi.stubEnv("USERPCI_QEMU", await program("newer", version));
  expect(await provisionNewestQemu()).toMatchObject({ qemu: [join(folder, "newer")] });
  vi.stubEnv("USERPCI_QEMU", await program("older", `[ "$1" != -device ] || exit 1; ${version}`));
  await expect(provisionNewestQemu()).rejects.toMatchObject({
    code: "ERR_TESTBED_PLATFORM",
    summary: expect.stringMatching(/older has no device vfio-user-pci/),
  });
});

test("an old QEMU and a kernel that is not there are named", async () => {
  vi.stubEnv(
    "USERPCI_QEMU",
    await program("old", 'echo "QEMU emulator version 8.2.2 (Debian 1:8.2.2+ds-0)"'),
  );
  vi.stubEnv("USERPCI_BUSYBOX", await program("busybox", "true"));
  vi.stubEnv("USERPCI_KERNEL", await file("bzImage"));
  await expect(ownParts()).rejects.toThrow(/old is version 8/);
  vi.stubEnv("USERPCI_KERNEL", "/nowhere/bzImage");
  await expect(ownParts()).rejects.toThrow(/\/nowhere\/bzImage does not exist/);
});
