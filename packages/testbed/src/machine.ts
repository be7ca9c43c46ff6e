import { areServed, deviceArguments } from "./device.ts";
import { TAG } from "./guest/scripts.ts";
import { type BootOptions, DEFAULT_IOMMU, DEFAULT_MEMORY } from "./options.ts";

/** Files and descriptors of one boot that its command line names. */
export interface MachineFiles {
  readonly image: string;
  readonly initramfs: string;
  /** Directory shared with the guest. */
  readonly exchange: string;
  /** Where QEMU writes its trace of DMA faults. */
  readonly trace: string;
  /** Inherited sockets. */
  readonly agentFd: number;
  readonly qmpFd: number;
}

/** Slots of the test bed's own devices, out of the way of the user's. */
const SLOT = { host: "0x18", exchange: "0x19", serial: "0x1a" } as const;

/** Name of the guest's memory where the servers of devices map it. */
const SHARED_MEMORY = "memory";

/** Kernel command line. An oops panics and a panic ends QEMU (`-no-reboot`), so that a broken guest is known at once. */
const KERNEL_ARGUMENTS = [
  "console=ttyS0",
  "panic=-1",
  "oops=panic",
  "intel_iommu=on",
  "quiet",
  "mitigations=off",
  // Without it about 1 boot in 40 on a loaded host panics: "timer doesn't work through Interrupt-remapped IO-APIC".
  "no_timer_check",
  // Half a second less of emulated boot each.
  "init_on_alloc=0",
  "nokaslr",
];

/**
 * All that the emulator can do, but for what costs it time: with ERMS and FSRM the guest copies and clears memory byte by byte, with SMAP it
 * crosses a guard at every copy, with LA57 a page walk has a level more. Measured together: a command of Node takes a fifth less, a boot half a second.
 */
const CPU = "max,erms=off,fsrm=off,smep=off,smap=off,umip=off,pku=off,la57=off";

/**
 * QEMU's arguments. Software emulation with one processor: QEMU 10.0.2 can abort when two touch a device at once. The console is QEMU's
 * standard output.
 */
export function machineArguments(options: BootOptions, files: MachineFiles): string[] {
  const { memory = DEFAULT_MEMORY, iommu = DEFAULT_IOMMU, hugepages = 0, append = "" } = options;
  const devices = options.devices ?? [];
  const kernelArguments = [...KERNEL_ARGUMENTS, ...(hugepages > 0 ? [`hugepages=${hugepages}`] : []), append];
  return [
    ...[
      "-M",
      `q35,kernel-irqchip=split${areServed(devices) ? `,memory-backend=${SHARED_MEMORY}` : ""}`,
      "-accel",
      "tcg,thread=multi",
      "-cpu",
      CPU,
      "-smp",
      "1",
      "-m",
      memory,
    ],
    ...(areServed(devices)
      ? ["-object", `memory-backend-memfd,id=${SHARED_MEMORY},size=${memory},share=on`]
      : []),
    ...["-display", "none", "-no-reboot", "-no-user-config", "-nodefaults", "-nic", "none"],
    ...["-kernel", files.image, "-initrd", files.initramfs, "-append", kernelArguments.join(" ").trim()],
    ...["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"],
    ...["-chardev", `socket,id=qmp,fd=${files.qmpFd}`, "-mon", "chardev=qmp,mode=control"],
    ...(iommu ? ["-device", iommu] : []),
    ...share(TAG.host, "/", SLOT.host, ",readonly=on"),
    ...share(TAG.exchange, files.exchange, SLOT.exchange, ""),
    ...[
      "-chardev",
      `socket,id=agent,fd=${files.agentFd}`,
      "-device",
      `virtio-serial-pci,id=serial,addr=${SLOT.serial}`,
    ],
    ...["-device", `virtserialport,bus=serial.0,nr=1,chardev=agent,name=${TAG.port}`],
    ...["-trace", "vtd_dmar_fault", "-D", files.trace],
    ...(options.qemuArguments ?? []),
    ...deviceArguments(devices),
  ];
}

function share(tag: string, path: string, slot: string, more: string): string[] {
  // A comma ends a value in QEMU's option strings; two stand for one.
  const escaped = path.replaceAll(",", ",,");
  return [
    ...["-fsdev", `local,id=${tag},path=${escaped},security_model=none,multidevs=remap${more}`],
    ...["-device", `virtio-9p-pci,fsdev=${tag},mount_tag=${tag},addr=${slot}`],
  ];
}
