import { existsSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TestbedError } from "./error.ts";
import { GUEST_TOOLS } from "./recipe.ts";
import type { Command } from "./tool.ts";

/** Where the guest sees the unpacked packages. */
export const GUEST_TOOLBOX = "/run/testbed/tools";
/** The folder of wrapper scripts inside the unpacked packages. */
const WRAPPERS = "guest-bin";
/** The guest's directory of helper programs, behind its own PATH. */
export const GUEST_TOOL_PATH = `${GUEST_TOOLBOX}/${WRAPPERS}`;

const LIBRARY_FOLDERS = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
/** Where packages keep libraries that only their own programs use. */
const PRIVATE_FOLDERS = ["usr/lib/x86_64-linux-gnu/systemd"];
const LOADER = "ld-linux-x86-64.so.2";

/** Program arguments that QEMU needs to find its data when it runs from an unpacked tree. */
const QEMU_DATA = ["usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"];

/**
 * Programs unpacked from packages, run through the C library that came with them: the system's own libraries are neither used nor changed.
 */
export class Toolbox {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  /** How to run a program, by its path in the packages. */
  command(...candidates: readonly string[]): Command {
    const path = this.#find(candidates);
    const loader = this.#find(LIBRARY_FOLDERS.map((folder) => join(folder, LOADER)));
    const folders = [
      ...LIBRARY_FOLDERS,
      ...PRIVATE_FOLDERS.filter((folder) => existsSync(join(this.root, folder))),
    ];
    const libraries = folders.map((folder) => join(this.root, folder)).join(":");
    return [join(this.root, loader), "--library-path", libraries, join(this.root, path)];
  }

  /** How to run a program that chooses its job by the name it is called by. */
  commandAs(name: string, ...candidates: readonly string[]): Command {
    const [loader, ...rest] = this.command(...candidates);
    return [loader, "--argv0", name, ...rest];
  }

  /** How to run QEMU with its firmware. */
  qemu(): Command {
    const data = QEMU_DATA.flatMap((folder) => ["-L", join(this.root, folder)]);
    return [...this.command("usr/bin/qemu-system-x86_64"), ...data];
  }

  /** Directory of QEMU's loadable parts. */
  get qemuModules(): string {
    return join(this.root, "usr/lib/x86_64-linux-gnu/qemu");
  }

  /** The static busybox. */
  get busybox(): string {
    return join(this.root, this.#find(GUEST_TOOLS["busybox"]!));
  }

  /** Writes the scripts through which the guest runs the helpers. */
  async writeGuestWrappers(): Promise<void> {
    await mkdir(join(this.root, WRAPPERS), { recursive: true });
    const shell = this.busybox;
    for (const [name, candidates] of Object.entries(GUEST_TOOLS)) {
      const command = name === "busybox" ? [shell] : this.commandAs(name, ...candidates);
      const script = `#!${shell} sh\nexec ${command.join(" ")} "$@"\n`;
      const path = join(this.root, WRAPPERS, name);
      await writeFile(path, script.replaceAll(this.root, GUEST_TOOLBOX));
      await chmod(path, 0o755);
    }
  }

  #find(candidates: readonly string[]): string {
    const found = candidates.find((path) => existsSync(join(this.root, path)));
    if (found) return found;
    throw new TestbedError(
      "ERR_TESTBED_PROVISION",
      `${candidates.join(" or ")} is missing under ${this.root}`,
      {
        hint: `remove ${this.root} and run: userpci-testbed provision`,
      },
    );
  }
}
