import { listFunctions } from "../../find.ts";
import { isVfioDriver } from "../../group.ts";
import { type MachineCheck, type Question, type Verdict, verdict } from "../check.ts";
import { changeCommandLine, commandLineEvidence, hasWord, wordValue } from "../command-line.ts";
import { type Evidence, evidence, type Facts, shellWord } from "../facts.ts";
import { type KernelConfig, kernelConfig, missingConfig } from "../kernel-config.ts";
import { nodeAccess, person } from "../person.ts";
import { container, kernelRelease } from "../platform.ts";
import { passNode } from "./platform.ts";

const DRIVER = "/sys/bus/pci/drivers/vfio-pci";
const DISABLED = "/proc/sys/kernel/modules_disabled";
/** The node that opens a container, for whoever may; its numbers are fixed (`VFIO_MINOR` in `linux/miscdevice.h`). */
export const CONTAINER_NODE = "/dev/vfio/vfio";
/** The node that opens an iommufd. */
export const IOMMU_NODE = "/dev/iommu";

const ASK_MODPROBE = "sudo modprobe -n -v vfio-pci  # says whether there is such a module";

/** From the kernel's configuration to the nodes that every user needs. */
export const vfioChecks: readonly MachineCheck[] = [
  { id: "kernel-vfio", title: "kernel VFIO", after: [], look: lookAtConfig },
  { id: "modules", title: "vfio-pci module", after: ["kernel-vfio"], look: lookAtModules },
  { id: "vfio-nodes", title: "VFIO nodes", after: ["kernel-vfio", "modules"], look: lookAtNodes },
  { id: "bound", title: "bound functions", after: ["kernel-vfio", "modules"], look: lookAtBound },
];

function lookAtConfig({ facts }: Question): Verdict {
  const config = kernelConfig(facts);
  const driver = facts.names(DRIVER);
  if (config === null) {
    if (driver.value !== null) return verdict("ok", "vfio-pci is there", [evidence(driver, "there")]);
    return verdict("unknown", "this kernel's configuration is not to be found", missingConfig(facts), [
      ASK_MODPROBE,
    ]);
  }
  const needed = ["VFIO", "VFIO_PCI"];
  const missing = needed.filter((symbol) => !config.has(symbol));
  if (missing.length > 0) {
    const symbols = missing.map((symbol) => `CONFIG_${symbol}=m`).join(" ");
    return verdict(
      "problem",
      "this kernel was built without VFIO",
      [config.evidence(needed)],
      [`boot a kernel of your distribution, or build one with ${symbols}`],
    );
  }
  return lookAtInterfaces(config);
}

function lookAtInterfaces(config: KernelConfig): Verdict {
  const symbols = ["VFIO_PCI", "VFIO_IOMMU_TYPE1", "IOMMUFD", "VFIO_DEVICE_CDEV", "VFIO_NOIOMMU"];
  const seen = [config.evidence(symbols)];
  const group = config.has("VFIO_IOMMU_TYPE1");
  const device = config.has("IOMMUFD") && config.has("VFIO_DEVICE_CDEV");
  if (group && device) return verdict("ok", "groups and /dev/vfio/devices", seen);
  if (group) return verdict("ok", "groups; no /dev/vfio/devices, which takes IOMMUFD", seen);
  if (device) return verdict("ok", "/dev/vfio/devices alone", seen);
  return verdict("problem", "this kernel has VFIO, but no way to map memory for a device", seen, [
    "boot a kernel with CONFIG_VFIO_IOMMU_TYPE1=m, or CONFIG_IOMMUFD=m and CONFIG_VFIO_DEVICE_CDEV=y",
  ]);
}

function lookAtModules({ facts }: Question): Verdict {
  const driver = facts.names(DRIVER);
  if (driver.value !== null) return verdict("ok", "vfio-pci is loaded", [evidence(driver, "there")]);
  const gone = evidence(driver);
  return lookAtRefusals(facts, gone) ?? lookAtFiles(facts, gone);
}

/** What keeps modules from being loaded. */
function lookAtRefusals(facts: Facts, gone: Evidence): Verdict | null {
  const listed = wordValue(facts, "module_blacklist");
  const part = listed?.split(",").find((name) => isPart(name));
  if (part !== undefined) {
    const word = `module_blacklist=${listed}`;
    const others = listed!.split(",").filter((name) => name !== "" && !isPart(name));
    const rest = others.length === 0 ? {} : { keep: `module_blacklist=${others.join(",")}` };
    const fix = changeCommandLine(facts, { remove: word, ...rest });
    return verdict("problem", keptOut(word, part), [gone, commandLineEvidence(facts, word)], fix);
  }
  if (hasWord(facts, "nomodule")) {
    const fix = changeCommandLine(facts, { remove: "nomodule" });
    return verdict(
      "problem",
      "nomodule keeps every module out",
      [gone, commandLineEvidence(facts, "nomodule")],
      fix,
    );
  }
  const disabled = facts.text(DISABLED);
  if (disabled.value === "1") {
    return verdict(
      "problem",
      "modules cannot be loaded until the next boot, and vfio-pci is not",
      [gone, evidence(disabled)],
      ["echo vfio-pci | sudo tee /etc/modules-load.d/vfio-pci.conf", "sudo reboot"],
    );
  }
  const rule = forbiddingRule(facts);
  if (rule === null) return null;
  const { part: forbidden, ...seen } = rule;
  const name = forbidden.replaceAll("_", "[-_]");
  return verdict(
    "problem",
    keptOut(seen.path, forbidden),
    [gone, seen],
    [
      `sudo sed -i -E '/^[[:blank:]]*install[[:blank:]]+${name}[[:blank:]]/d' ${shellWord(seen.path)}`,
      "sudo modprobe vfio-pci",
    ],
  );
}

const keptOut = (by: string, part: string): string =>
  isVfioPci(part) ? `${by} keeps vfio-pci out` : `${by} keeps ${part} out, which vfio-pci needs`;

const RULES = [
  "/etc/modprobe.d",
  "/run/modprobe.d",
  "/usr/local/lib/modprobe.d",
  "/usr/lib/modprobe.d",
  "/lib/modprobe.d",
];

/** A line such as `install vfio-pci /bin/false`. `blacklist` is no such: it is for modules that are asked for by a device. */
function forbiddingRule(facts: Facts): (Evidence & { readonly part: string }) | null {
  for (const folder of RULES) {
    for (const name of facts.names(folder).value ?? []) {
      if (!name.endsWith(".conf")) continue;
      const { path, value } = facts.text(`${folder}/${name}`);
      const lines = (value ?? "").matchAll(/^[ \t]*install[ \t]+(\S+)[ \t]+(\S*(?:false|true)\b.*)$/gm);
      const line = [...lines].find(([, module]) => isPart(module!));
      if (line !== undefined) return { path, says: line[0].trim(), part: canonical(line[1]!) };
    }
  }
  return null;
}

function lookAtFiles(facts: Facts, gone: Evidence): Verdict {
  const release = kernelRelease(facts);
  if (release === null) return unknownModules("which kernel runs is not known", [gone]);
  const listing = facts.text(`/lib/modules/${release}/modules.dep`);
  if (/^\S*\/vfio[-_]pci\.ko/m.test(listing.value ?? "")) {
    return verdict(
      "note",
      "vfio-pci is not loaded; bind loads it",
      [gone, evidence(listing, "vfio-pci.ko")],
      ["sudo modprobe vfio-pci"],
    );
  }
  const seen = [gone, evidence(listing, "no vfio-pci.ko")];
  if (container(facts) !== null && listing.value === null) {
    return verdict("problem", "vfio-pci is not loaded, and a container cannot load it", seen, [
      "on the host: sudo modprobe vfio-pci",
    ]);
  }
  const folder = facts.names("/lib/modules");
  if (listing.denied || (folder.value === null && !facts.live))
    return unknownModules(`the modules of ${release} are not to be seen here`, [gone, evidence(folder)]);
  const others = (folder.value ?? []).filter((name) => name !== release);
  if (listing.value === null && others.length > 0) {
    return verdict(
      "problem",
      `the modules of the running kernel ${release} are gone: it was updated since the boot`,
      [...seen, evidence(folder)],
      ["sudo reboot"],
    );
  }
  return verdict("problem", "the module vfio-pci is not installed", seen, [
    installModules(facts, release),
    "sudo modprobe vfio-pci",
  ]);
}

/** Of a copy that has no files of modules, which says nothing about the machine. */
function unknownModules(why: string, seen: readonly Evidence[]): Verdict {
  return verdict("unknown", `vfio-pci is not loaded, and ${why}`, seen, [ASK_MODPROBE]);
}

/** By distribution, the package that has a kernel's modules (`ID` of os-release). */
const packages: Readonly<Record<string, (release: string) => string>> = {
  debian: (release) => `sudo apt install --reinstall linux-image-${release}`,
  ubuntu: (release) => `sudo apt install linux-modules-extra-${release}`,
  fedora: (release) => `sudo dnf install kernel-modules-${release}`,
  arch: () => "sudo pacman -S linux && sudo reboot",
};

function installModules(facts: Facts, release: string): string {
  const system = /^ID=["']?(\w+)/m.exec(facts.text("/etc/os-release").value ?? "")?.[1] ?? "";
  return (
    packages[system]?.(shellWord(release)) ??
    `install the package that has /lib/modules/${release}/kernel/drivers/vfio`
  );
}

/** A module's name as the kernel has it. */
const canonical = (name: string): string => name.replaceAll("-", "_");
const isVfioPci = (name: string): boolean => canonical(name) === "vfio_pci";

/** What vfio-pci is loaded with, and what follows vfio, without which no container has an IOMMU (`MODULE_SOFTDEP` in `drivers/vfio/vfio_main.c`). */
const parts = new Set(["vfio_pci", "vfio_pci_core", "vfio", "vfio_virqfd", "vfio_iommu_type1"]);
const isPart = (name: string): boolean => parts.has(canonical(name));

function lookAtNodes({ facts }: Question): Verdict {
  const nodes = [CONTAINER_NODE, IOMMU_NODE].map((path) => nodeAccess(path, facts));
  const seen = nodes.map(({ path, says }) => ({ path, says }));
  const open = nodes.find(({ answer }) => answer === "open");
  if (open !== undefined) return verdict("ok", `${open.path} can be opened`, seen);
  if (nodes.every(({ answer }) => answer === "absent")) return withoutNodes(facts, seen);
  if (nodes.some(({ answer }) => answer === "unknown"))
    return verdict("unknown", "whether they can be opened", seen);
  const closed = nodes.find(({ answer }) => answer !== "absent")!;
  if (closed.answer === "cgroup") {
    const fix = [...passNode(facts, closed.path), "in a systemd unit: DeviceAllow=char-vfio rw"];
    return verdict("problem", `the devices cgroup keeps ${closed.path} closed`, seen, fix);
  }
  const who = person(facts)?.name ?? "this user";
  const fix =
    closed.path === CONTAINER_NODE
      ? `sudo chmod 0666 ${CONTAINER_NODE}  # as udev's own rules do: it gives access to no device`
      : `sudo userpci bind ADDRESS --user ${who}`;
  return verdict(
    closed.path === CONTAINER_NODE ? "problem" : "note",
    `${who} may not open ${closed.path}`,
    seen,
    [fix],
  );
}

function withoutNodes(facts: Facts, seen: readonly Evidence[]): Verdict {
  const loaded = facts.names(DRIVER).value !== null;
  if (container(facts) !== null) {
    const fix = [
      ...(loaded ? [] : ["on the host: sudo modprobe vfio-pci"]),
      "on the host: sudo userpci bind ADDRESS --user UID",
      ...passNode(facts, CONTAINER_NODE, "/dev/vfio/GROUP"),
    ];
    return verdict("problem", "this container has no /dev/vfio", seen, fix);
  }
  if (!loaded) return verdict("note", "they come with vfio-pci", seen, ["sudo modprobe vfio-pci"]);
  return verdict("problem", `vfio-pci is loaded, and ${CONTAINER_NODE} is not there`, seen, [
    `sudo mkdir -p /dev/vfio && sudo mknod -m 0666 ${CONTAINER_NODE} c 10 196`,
  ]);
}

function lookAtBound({ facts }: Question): Verdict {
  const functions = listFunctions(facts.tree).filter(({ driver }) => isVfioDriver(driver));
  const seen = [evidence(facts.names(DRIVER), `${functions.length} functions`)];
  if (functions.length > 0) return verdict("ok", functions.map(({ address }) => address).join(", "), seen);
  return verdict("note", "none yet", seen, ["sudo userpci bind ADDRESS"]);
}
