import { type ChildProcess, execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, chmod, chown } from "node:fs/promises";
import type { Socket } from "node:net";
import { promisify } from "node:util";
import { PciError } from "@userpci/interface";
import type { ProcessIdentity } from "./process-identity.ts";
import { systemFailure, type TreeOptions } from "./tree.ts";
import { AttributeWriter } from "./writer.ts";
import type { Meanwhile } from "./writer-process.ts";

/** Owner and mode of a file. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits, such as `0o660`. */
  readonly mode: number;
}

/**
 * A process that reads and writes attributes, one after another. What takes long neither blocks this thread nor keeps this
 * process from ending.
 */
export interface KernelWriter {
  /** The process. */
  readonly identity: ProcessIdentity;
  /** Whether it has ended before it was told to, so that nothing is done any more. */
  readonly ended: boolean;
  /**
   * Reads an attribute. May take as long as the kernel likes.
   *
   * @throws Error with the system's `code`; PciError `ERR_BIND_FAILED` if the process ends before
   */
  read(path: string): Promise<string>;
  /**
   * Writes an attribute in one write. May take as long as the kernel likes.
   *
   * @param meanwhile another attribute that says something else for as long as that takes, also when this process ends before
   * @throws what {@link read} does
   */
  write(path: string, text: string, meanwhile?: Meanwhile): Promise<void>;
  /** Nothing more is to come. What is under way goes on. */
  close(): void;
}

/** Everything that binding changes in the system goes through here; tests put a kernel of their own in its place. */
export interface Kernel {
  /**
   * Starts the process that reads and writes for one call.
   *
   * @param action what the call does, such as `bind`
   * @param address the function that it does it to
   * @throws PciError with the system's code if no process can be started; `ERR_BIND_FAILED` if it ends at once
   */
  start(action: string, address: string): Promise<KernelWriter>;
  /**
   * Whether this user may write `path`.
   *
   * @param command what would do it as root
   * @returns the error to throw if not
   */
  refusal(path: string, command: string): Promise<PciError | null>;
  /** Changes owner and mode of a file. @throws Error with the system's `code` */
  own(path: string, ownership: Ownership): Promise<void>;
  /** Loads a module. May take as long as the kernel likes. @throws Error if modprobe is not there, or fails */
  loadModule(name: string): Promise<void>;
  /**
   * Has udev read its rules now: by itself it looks for changed ones every three seconds at most (systemd, `src/udev/udev-manager.c`).
   *
   * @throws Error if udevadm is not there, or fails
   */
  reloadRules(): Promise<void>;
}

/** The running kernel, for the machine's own tree or another one. */
export function kernelOf({ root = "/" }: TreeOptions): Kernel {
  return new SystemKernel(root);
}

class SystemKernel implements Kernel {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  start(action: string, address: string): Promise<KernelWriter> {
    return AttributeWriter.start(action, address);
  }

  async refusal(path: string, command: string): Promise<PciError | null> {
    try {
      await access(path, constants.W_OK);
      return null;
    } catch (cause) {
      return explainWrite(path, cause, command);
    }
  }

  async own(path: string, { uid, gid, mode }: Ownership): Promise<void> {
    await chown(path, uid, gid);
    await chmod(path, mode);
  }

  async loadModule(name: string): Promise<void> {
    const running = this.#run("modprobe", name);
    // A module's start may hang too.
    for (const part of [running?.child, running?.child.stdout, running?.child.stderr])
      (part as ChildProcess | Socket | null | undefined)?.unref();
    await running;
  }

  async reloadRules(): Promise<void> {
    await this.#run("udevadm", "control", "--reload");
  }

  /** Runs a program of the system's; none for another tree, whose files are not this kernel's. */
  #run(program: string, ...args: readonly string[]) {
    if (this.#root !== "/") return undefined;
    // Distributions keep such programs out of an ordinary user's PATH.
    const { PATH = "" } = process.env;
    return promisify(execFile)(program, args, { env: { ...process.env, PATH: `${PATH}:/usr/sbin:/sbin` } });
  }
}

/**
 * The error for a write that failed, with what lets it succeed.
 *
 * @param command what would do it as root
 */
export function explainWrite(path: string, cause: unknown, command?: string): PciError {
  const { code, system } = systemFailure(cause);
  if (code === "EACCES" || code === "EPERM") {
    return new PciError("ERR_PERMISSION", `this user may not write ${path}`, {
      ...system,
      path,
      hint: rootHint(command),
    });
  }
  if (code === "EROFS") {
    return new PciError("ERR_PERMISSION", `${path} is on a file system that is mounted read-only`, {
      ...system,
      path,
      hint: "in a container: bind the device on the host instead, or run the container privileged",
    });
  }
  return new PciError(code, `${path} cannot be written: ${code}`, {
    ...system,
    path,
    hint: "the kernel may say why: sudo dmesg | tail",
  });
}

function rootHint(command: string | undefined): string {
  if (process.geteuid?.() === 0)
    return "root is confined here (a container, or kernel lockdown): run it on the host";
  const how = command === undefined ? "run it as root, with sudo" : `sudo ${command}`;
  // Other commands give nobody the device.
  if (command !== undefined && !command.startsWith("userpci bind ")) return how;
  return `${how}\nonly binding needs root; with --user NAME the device is then NAME's to use`;
}
