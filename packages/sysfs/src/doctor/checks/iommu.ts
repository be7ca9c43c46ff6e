import { type MachineCheck, type Question, type Verdict, verdict } from "../check.ts";
import {
  changeCommandLine,
  commandLineEvidence,
  hasWord,
  kernelWords,
  lastWord,
  wordValue,
} from "../command-line.ts";
import { type Evidence, evidence, type Facts } from "../facts.ts";
import { kernelConfig, missingConfig } from "../kernel-config.ts";
import {
  hasIommu,
  iommuKind,
  iommuKinds,
  isX86,
  TABLES,
  virtualMachine,
  workingIommus,
} from "../platform.ts";

const CLASS = "/sys/class/iommu";
const GROUPS = "/sys/kernel/iommu_groups";
const NO_IOMMU = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
const INTERRUPTS = "/proc/interrupts";
const UNSAFE = ["vfio_iommu_type1", "iommufd"].map(
  (module) => `/sys/module/${module}/parameters/allow_unsafe_interrupts`,
);

/** From the firmware's tables to groups and interrupts. */
export const iommuChecks: readonly MachineCheck[] = [
  { id: "no-iommu-mode", title: "no-IOMMU mode", after: [], look: lookAtNoIommu },
  { id: "firmware-tables", title: "firmware tables", after: [], look: lookAtTables },
  { id: "command-line", title: "kernel command line", after: [], look: lookAtCommandLine },
  { id: "kernel-iommu", title: "IOMMU drivers", after: [], look: lookAtDrivers },
  {
    id: "iommu",
    title: "IOMMU",
    after: ["firmware-tables", "command-line", "kernel-iommu"],
    look: lookAtIommu,
  },
  { id: "groups", title: "IOMMU groups", after: ["iommu"], look: lookAtGroups },
  { id: "interrupt-remapping", title: "interrupt remapping", after: ["iommu"], look: lookAtRemapping },
];

function lookAtNoIommu({ facts }: Question): Verdict {
  const mode = facts.text(NO_IOMMU);
  const standIns = facts.groups.filter(({ noIommu }) => noIommu);
  const seen = [evidence(mode)];
  if (standIns.length === 0 && mode.value !== "Y") return verdict("ok", "off", seen);
  const bound = standIns.flatMap(({ members }) => members.map(({ address }) => address)).join(", ");
  const names = standIns.map(({ number }) => ({ path: `${GROUPS}/${number}/name`, says: "vfio-noiommu" }));
  const off = `echo N | sudo tee ${NO_IOMMU}`;
  if (standIns.length === 0 && hasIommu(facts)) {
    const says = "on: a function behind no IOMMU could be bound, and reach all memory";
    return verdict("warning", says, seen, [off]);
  }
  const says = `on${bound === "" ? "" : ` for ${bound}`}: DMA of a device is not contained and can overwrite all memory`;
  return verdict(
    "problem",
    says,
    [...seen, ...names],
    [
      "turn the IOMMU on, as the next findings say",
      ...standIns.flatMap(({ members }) => members.map(({ address }) => `sudo userpci unbind ${address}`)),
      off,
    ],
  );
}

function lookAtTables({ facts }: Question): Verdict {
  const tables = facts.names(TABLES);
  const all = tables.value ?? [];
  const described = iommuKinds.filter(({ table }) => all.includes(table));
  if (described.length > 0) {
    const names = described.map(({ table, name }) => `${table} (${name})`).join(", ");
    return verdict("ok", `they describe an IOMMU: ${names}`, [evidence(tables)]);
  }
  if (hasIommu(facts)) return verdict("ok", "an IOMMU is at work", [evidence(tables)]);
  if (all.length === 0) {
    const fix = facts.has("/sys/firmware/devicetree/base")
      ? "look for an iommu node: ls /sys/firmware/devicetree/base"
      : `look outside of the container, if this is one: ls ${TABLES}`;
    return verdict("unknown", "ACPI's tables are not to be seen here", [evidence(tables)], [fix]);
  }
  return noTables(facts, evidence(tables));
}

function noTables(facts: Facts, seen: Evidence): Verdict {
  const { name, table } = iommuKind(facts);
  const xen = facts.text("/sys/hypervisor/type");
  if (xen.value === "xen") {
    const says = "Xen runs this kernel, has the IOMMU to itself, and shows no table of it";
    return verdict(
      "problem",
      says,
      [seen, evidence(xen)],
      ["boot without Xen, or give the device to a guest: xl pci-assignable-add"],
    );
  }
  const machine = virtualMachine(facts);
  if (machine === null) {
    const says = `the firmware describes no IOMMU: there is no ${table}, so ${name} is off or missing`;
    const menu = name === "AMD-Vi" ? "IOMMU (AMD-Vi)" : name === "VT-d" ? "VT-d (VT for Directed I/O)" : name;
    return verdict(
      "problem",
      says,
      [seen],
      [
        `enable ${menu} in the firmware's set-up (sudo systemctl reboot --firmware-setup); if it is not there, update the firmware`,
      ],
    );
  }
  const says = "this virtual machine has no IOMMU: its firmware describes none";
  return verdict(
    "problem",
    says,
    [seen, machine],
    [
      "on the host give it one: QEMU -machine q35,kernel-irqchip=split -device intel-iommu,intremap=on,caching-mode=on; libvirt <iommu model='intel'/>; in a cloud take a bare-metal instance",
    ],
  );
}

function lookAtCommandLine({ facts }: Question): Verdict {
  const kind = iommuKind(facts);
  if (kernelWords(facts).length === 0) {
    return verdict("unknown", "the tree does not tell it", [evidence(facts.text("/proc/cmdline"))]);
  }
  const word = lastWord(facts, [kind.parameter, "iommu"], ["off", "on", "force", "pt", "nopt"]);
  const off = lastWord(facts, ["iommu", kind.parameter], ["off"]);
  if (hasIommu(facts))
    return verdict("ok", word ?? "nothing against an IOMMU", [
      commandLineEvidence(facts, word ?? "no iommu=off"),
    ]);
  if (off !== null && isLastOf(facts, off)) {
    const says = `${off} turns the IOMMU off`;
    return verdict("problem", says, [commandLineEvidence(facts, off)], [...withoutWord(facts, off)]);
  }
  return lookAtOmission(facts);
}

/** Whether no later word of the same parameter takes it back. */
function isLastOf(facts: Facts, word: string): boolean {
  const name = word.split("=")[0]!;
  // `iommu=off` is for good: nothing that follows turns it on again (`iommu_setup` in arch/x86/kernel/pci-dma.c).
  return name === "iommu" || lastWord(facts, [name], ["on", "off"]) === word;
}

function withoutWord(facts: Facts, word: string): readonly string[] {
  const { opens, parameter } = iommuKind(facts);
  const add = opens && lastWord(facts, [parameter], ["on"]) === null ? { add: `${parameter}=on` } : {};
  return changeCommandLine(facts, { remove: word, ...add });
}

/** Intel's is not used unless the kernel is told to, or was built to. */
function lookAtOmission(facts: Facts): Verdict {
  const { opens, parameter, table } = iommuKind(facts);
  const config = kernelConfig(facts);
  const told = !opens || lastWord(facts, [parameter], ["on"]) !== null;
  const builtToo = config?.has("INTEL_IOMMU_DEFAULT_ON") ?? false;
  const described = (facts.names(TABLES).value ?? []).includes(table);
  if (told || builtToo || !described) {
    return verdict("ok", told && opens ? `${parameter}=on` : "nothing against an IOMMU", [
      commandLineEvidence(facts, told && opens ? `${parameter}=on` : "no iommu=off"),
    ]);
  }
  const built = config === null ? [] : [config.evidence(["INTEL_IOMMU_DEFAULT_ON"])];
  const says = `${parameter}=on is missing, and this kernel does not use the IOMMU without`;
  return verdict(
    "problem",
    says,
    [commandLineEvidence(facts, `no ${parameter}=on`), ...built],
    [...changeCommandLine(facts, { add: `${parameter}=on` })],
  );
}

function lookAtDrivers({ facts }: Question): Verdict {
  const { drivers, name } = iommuKind(facts);
  const config = kernelConfig(facts);
  const symbols = ["IOMMU_SUPPORT", ...drivers];
  if (config?.has("IOMMU_SUPPORT") && drivers.some((driver) => config.has(driver))) {
    return verdict("ok", `${name} is built in`, [config.evidence(symbols)]);
  }
  if (hasIommu(facts)) return verdict("ok", "an IOMMU is at work", [evidence(facts.names(CLASS))]);
  if (config === null) {
    return verdict("unknown", "this kernel's configuration is not to be found", missingConfig(facts), [
      "sudo modprobe configs  # or read it where the kernel was built",
    ]);
  }
  const wanted = symbols.filter((symbol) => !config.has(symbol)).map((symbol) => `CONFIG_${symbol}=y`);
  return verdict(
    "problem",
    `this kernel was built without ${name}`,
    [config.evidence(symbols)],
    [`boot a kernel of your distribution, or build one with ${wanted.join(" ")}`],
  );
}

function lookAtIommu({ facts }: Question): Verdict {
  const iommus = facts.names(CLASS);
  if (hasIommu(facts)) {
    const names = workingIommus(facts).join(", ");
    return verdict("ok", names === "" ? "at work" : `${names} at work`, [evidence(iommus)]);
  }
  const { name } = iommuKind(facts);
  return verdict(
    "problem",
    "no IOMMU is at work",
    [evidence(iommus)],
    [`the kernel says why: sudo dmesg | grep -iE 'DMAR|AMD-Vi|IOMMU|SMMU'  # ${name}`],
  );
}

function lookAtGroups({ facts }: Question): Verdict {
  const real = facts.groups.filter(({ noIommu }) => !noIommu);
  const functions = facts.names("/sys/bus/pci/devices").value?.length ?? 0;
  const groups = evidence(facts.names(GROUPS), `${real.length} groups`);
  if (real.length === 0) {
    const fix = ["the kernel says why: sudo dmesg | grep -i iommu"];
    return verdict("problem", "there is no IOMMU group", [groups], fix);
  }
  const members = real.reduce((sum, group) => sum + group.members.length, 0);
  return verdict("ok", `${real.length} groups of ${members} devices, ${functions} PCI functions`, [groups]);
}

function lookAtRemapping({ facts }: Question): Verdict {
  const interrupts = facts.text(INTERRUPTS);
  if (!isX86(facts))
    return verdict("ok", "the interrupt controller isolates devices", [
      evidence(facts.text("/proc/cpuinfo")),
    ]);
  if (interrupts.value === null)
    return verdict("unknown", "interrupts are not to be seen", [evidence(interrupts)]);
  // The kernel names a controller behind a remapping unit with IR in front.
  const remapped = /\bIR-[\w-]+/.exec(interrupts.value);
  if (remapped !== null) return verdict("ok", "on", [evidence(interrupts, remapped[0])]);
  const seen = [evidence(interrupts, "no IR-PCI-MSI, no IR-IO-APIC")];
  const allowed = UNSAFE.map((path) => facts.text(path)).filter(({ value }) => value === "Y");
  if (allowed.length > 0) {
    const says = "off, and allowed to be: a device could send any interrupt";
    return verdict(
      "warning",
      says,
      [...seen, ...allowed.map((reading) => evidence(reading))],
      allowed.map(({ path }) => `echo N | sudo tee ${path}`),
    );
  }
  return whyNotRemapped(facts, seen);
}

function whyNotRemapped(facts: Facts, seen: readonly Evidence[]): Verdict {
  const says = "off: VFIO opens no device, because it could send any interrupt";
  const present = UNSAFE.filter((path) => facts.has(path));
  const unsafe = `only if you trust the device: echo Y | sudo tee ${(present.length > 0 ? present : UNSAFE.slice(0, 1)).join(" ")}`;
  const config = kernelConfig(facts);
  const word =
    wordValue(facts, "intremap") === "off"
      ? "intremap=off"
      : hasWord(facts, "nointremap")
        ? "nointremap"
        : null;
  if (word !== null) {
    const all = [...seen, commandLineEvidence(facts, word)];
    return verdict("problem", `${word} turns it ${says}`, all, [
      ...changeCommandLine(facts, { remove: word }),
      unsafe,
    ]);
  }
  if (config !== null && !config.has("IRQ_REMAP")) {
    const fix = ["boot a kernel with CONFIG_IRQ_REMAP=y", unsafe];
    return verdict("problem", says, [...seen, config.evidence(["IRQ_REMAP"])], fix);
  }
  const machine = virtualMachine(facts);
  return verdict("problem", says, machine === null ? seen : [...seen, machine], [
    machine === null
      ? "enable it in the firmware's set-up (VT-d and x2APIC), or update the firmware"
      : "on the host: QEMU -machine q35,kernel-irqchip=split -device intel-iommu,intremap=on; libvirt <driver intremap='on'/> in <iommu>",
    unsafe,
  ]);
}
