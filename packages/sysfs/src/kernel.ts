import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, chmod, chown, open } from "node:fs/promises";
import { promisify } from "node:util";
import { PciError } from "@userpci/interface";
import { systemFailure, type TreeOptions } from "./tree.ts";

/** Owner and mode of a file. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits, such as `0o660`. */
  readonly mode: number;
}

/** Everything that binding changes in the system goes through here; tests put a kernel of their own in its place. */
export interface Kernel {
  /** Writes an attribute in one write. May take as long as the kernel likes, off this thread. */
  write(path: string, text: string): Promise<void>;
  /**
   * Whether this user may write `path`, as an error to throw if not.
   *
   * @param command what would do it as root
   */
  refusal(path: string, command: string): Promise<PciError | null>;
  own(path: string, ownership: Ownership): Promise<void>;
  /** Loads a module. */
  loadModule(name: string): Promise<void>;
}

/** The running kernel, for the machine's own tree or another one. */
export function kernelOf({ root = "/" }: TreeOptions): Kernel {
  // The modules of another tree are not this kernel's.
  return root === "/" ? systemKernel : { ...systemKernel, loadModule: async () => undefined };
}

const systemKernel: Kernel = {
  async write(path, text) {
    // Write-only attributes refuse a descriptor that could read, and creating is not a sysfs operation.
    const file = await open(path, constants.O_WRONLY);
    try {
      await file.write(text);
    } finally {
      await file.close();
    }
  },

  async refusal(path, command) {
    try {
      await access(path, constants.W_OK);
      return null;
    } catch (cause) {
      return explainWrite(path, cause, command);
    }
  },

  async own(path, { uid, gid, mode }) {
    await chown(path, uid, gid);
    await chmod(path, mode);
  },

  async loadModule(name) {
    // Distributions keep modprobe out of an ordinary user's PATH.
    const { PATH = "" } = process.env;
    await promisify(execFile)("modprobe", [name], {
      env: { ...process.env, PATH: `${PATH}:/usr/sbin:/sbin` },
    });
  },
};

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
  return `${how}\nonly binding needs root; with --user NAME the device is then NAME's to use`;
}
