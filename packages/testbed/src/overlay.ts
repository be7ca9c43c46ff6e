import { copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { GUEST } from "./guest/scripts.ts";
import type { Vm } from "./vm.ts";

const NAME = "overlay.tar";

/**
 * Keeps what a guest has written so far, for the next boot's `overlay`. Everything below its root is kept but `/proc`, `/sys`, `/dev`, `/run` and
 * what the guest mounted itself: those begin anew at every boot. A directory that the guest removed and made again shows the host's files too
 * in the next one.
 *
 * @param path the file to write, in place of one that may be there
 * @throws TestbedError ERR_TESTBED_COMMAND when the guest cannot pack it, or what ended the machine; Error with the system's `code`
 */
export async function saveOverlay(vm: Vm, path: string): Promise<void> {
  const packed = join(vm.exchange.guest, NAME);
  await vm.run([GUEST.busybox, "tar", "-c", "-f", packed, "-C", GUEST.written, "."], { check: true });
  try {
    await copyFile(join(vm.exchange.host, NAME), path);
  } finally {
    await rm(join(vm.exchange.host, NAME), { force: true });
  }
}
