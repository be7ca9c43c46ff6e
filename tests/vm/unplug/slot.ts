import { fileURLToPath } from "node:url";
import type { Vm } from "@userpci/testbed";
import { bindScript } from "../harness/bind-script.ts";
import { compiled } from "../harness/guest-code.ts";
import { onesAt } from "../machines.ts";

const ONES = compiled(fileURLToPath(new URL("./ones.ts", import.meta.url)));

/** Slot Control register of a port (PCI Express 6.0, section 7.5.3.10). */
const SLOT_CONTROL = "CAP_EXP+18.w";

/** Power and its indicator off, and no interrupts: QEMU then destroys what is in the slot (`pcie_cap_slot_write_config` in `hw/pci/pcie.c`). */
const POWER_OFF = "0700";

/**
 * Power off, with interrupts but none for this, and then power on, with interrupts for what has happened meanwhile: the kernel
 * finds an empty slot. One that it finds without power it takes for switched off by itself.
 */
const POWER_OFF_AND_TELL = ["0721", "0139"];

/** Makes the memory of the `pulled` machine ready to lie behind slots. */
export async function prepareOnes(vm: Vm): Promise<void> {
  await vm.run(["/bin/sh", "-c", bindScript([onesAt])], { check: true });
  await vm.run(["node", ONES, onesAt], { check: true });
}

/**
 * Takes the device out of a slot of the `pulled` machine: from then on its registers and its configuration space read as ones.
 *
 * A root complex answers ones where no device does (PCI Express 6.0, section 2.3.2), but QEMU, which does so for
 * configuration space, answers 0 for memory. So memory of ones is put where the port's window is, which shows once
 * nothing in the window does; the port's command register is written for the window to lie above it.
 *
 * @param port address of the slot's port
 * @param isSeen whether the kernel's hot-plug driver hears of it, as from most slots, or nobody does, as where it drives none
 */
export async function pullOut(vm: Vm, port: string, isSeen: boolean): Promise<void> {
  const written = isSeen ? POWER_OFF_AND_TELL : [POWER_OFF];
  const script = `
    set -e
    setpci -s ${onesAt} COMMAND=2:2 18.l=$(setpci -s ${port} MEMORY_BASE)0000 1c.l=0
    setpci -s ${port} COMMAND=$(setpci -s ${port} COMMAND)
    setpci -s ${port} ${written.map((value) => `${SLOT_CONTROL}=${value}`).join(" ")}`;
  await vm.run(["/bin/sh", "-c", script], { check: true });
}
