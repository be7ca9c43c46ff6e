import { chmod, mkdir, mkdtemp, readdir, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { areServed } from "./device.ts";
import { TestbedError } from "./error.ts";
import { initramfs } from "./initramfs.ts";
import { iommufdKernel } from "./iommufd-kernel.ts";
import { LocalVm } from "./local-vm.ts";
import { machineArguments } from "./machine.ts";
import { provisionNewestQemu } from "./newest-qemu.ts";
import { type BootOptions, checkBootOptions, DEFAULT_BOOT_TIMEOUT_MS } from "./options.ts";
import type { Kernel, Parts } from "./parts.ts";
import { stage } from "./progress.ts";
import { provision } from "./provision.ts";
import { QEMU_FD, startQemu } from "./qemu.ts";
import type { Vm } from "./vm.ts";

const TEMPORARY = "userpci-vm-";

/**
 * Boots a virtual machine and resolves when it takes commands. What is missing on this machine is fetched first ({@link provision}). The machine ends
 * with {@link Vm.close}, and at the latest with this process, even when that is killed.
 * @throws TestbedError ERR_TESTBED_ARGUMENT, ERR_TESTBED_PLATFORM, ERR_TESTBED_PROVISION; ERR_TESTBED_BOOT with the console when the guest does not
 * come up in time; ERR_TESTBED_EXITED when QEMU refuses the command line.
 */
export async function boot(options: BootOptions = {}): Promise<Vm> {
  checkBootOptions(options);
  options.signal?.throwIfAborted();
  const provisioned = await provision({ onProgress: options.onProgress });
  const newer = areServed(options.devices ?? []) ? await provisionNewestQemu(options.onProgress) : {};
  const parts = { ...provisioned, ...newer };
  const kernel =
    options.kernel === "iommufd" ? await iommufdKernel(options) : (options.kernel ?? parts.kernel);
  options.signal?.throwIfAborted();
  const directory = await temporaryDirectory();
  try {
    return await stage(options.onProgress, `booting Linux ${kernel.release ?? kernel.image}`, () =>
      start(options, parts, kernel, directory),
    );
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

async function start(options: BootOptions, parts: Parts, kernel: Kernel, directory: string): Promise<Vm> {
  const files = {
    image: kernel.image,
    initramfs: join(directory, "initramfs.cpio"),
    exchange: join(directory, "exchange"),
    trace: join(directory, "trace.log"),
    agentFd: QEMU_FD.agent,
    qmpFd: QEMU_FD.qmp,
  };
  const agent = fileURLToPath(new URL("./guest/agent.js", import.meta.url));
  const settings = {
    node: process.execPath,
    agent,
    tools: parts.guestTools,
    modules: kernel.modules,
    overlay: options.overlay,
    passable: await closedDirectories([process.execPath, agent, process.cwd(), ...(options.reachable ?? [])]),
  };
  await mkdir(files.exchange);
  await chmod(files.exchange, 0o777);
  await writeFile(files.initramfs, await initramfs(parts, kernel, settings));
  const qemu = await startQemu(parts, machineArguments(options, files));
  const vm = new LocalVm(qemu, { directory, exchange: files.exchange, trace: files.trace });
  try {
    await vm.ready(options.bootTimeoutMs ?? DEFAULT_BOOT_TIMEOUT_MS, options.signal);
    return vm;
  } catch (error) {
    await vm.close();
    throw error;
  }
}

/** Directories on the way to `paths`, and those among `paths`, that only their owner may pass through on the host. */
async function closedDirectories(paths: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  const both = await Promise.all(paths.map(async (path) => [path, await realpath(path).catch(() => path)]));
  for (const start of both.flat()) {
    for (let path = resolve(start); path !== "/"; path = dirname(path)) {
      const status = await stat(path).catch(() => undefined);
      if (status?.isDirectory() && (status.mode & 0o001) === 0) found.add(path);
    }
  }
  return [...found];
}

/** A directory of this boot; its name tells whose it is, so that what a killed process left is removed by the next. */
async function temporaryDirectory(): Promise<string> {
  for (const name of await readdir(tmpdir())) {
    const pid = Number(new RegExp(`^${TEMPORARY}(\\d+)-`).exec(name)?.[1]);
    if (pid && !isAlive(pid))
      await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => {});
  }
  try {
    return await mkdtemp(join(tmpdir(), `${TEMPORARY}${process.pid}-`));
  } catch (cause) {
    throw new TestbedError("ERR_TESTBED_BOOT", `no temporary directory under ${tmpdir()}`, {
      cause,
      hint: "set TMPDIR to a directory that you may write",
    });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
