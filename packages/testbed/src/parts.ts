import type { Command } from "./tool.ts";

/** A kernel to boot. */
export interface Kernel {
  /** Path of the image (`vmlinuz` or `bzImage`). */
  readonly image: string;
  /** Its release as `uname -r` says it; the name of its module directory. Needed when `modules` is given. */
  readonly release?: string | undefined;
  /** Directory of its modules with `modules.dep`, or nothing when all that is needed is built in. */
  readonly modules?: string | undefined;
}

/** Everything that a boot needs from the host. */
export interface Parts {
  readonly qemu: Command;
  readonly qemuEnvironment: Readonly<Record<string, string>>;
  /** util-linux's setpriv, which ties QEMU's life to its parent's. */
  readonly setpriv: Command;
  /** Decompresses kernel modules. */
  readonly xz: Command;
  /** A statically linked busybox, the guest's first process. */
  readonly busybox: string;
  /** Unpacked packages with helpers for the guest; without them the guest uses what the host has installed. */
  readonly guestTools?: string | undefined;
  readonly kernel: Kernel;
}
