import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeMachine } from "../testing/machine.ts";
import { changeCommandLine, kernelWords, lastWord, wordValue } from "./command-line.ts";
import { diagnose } from "./diagnosis.ts";
import { Facts } from "./facts.ts";

const GRUB = "/etc/default/grub";
let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-command-line-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function machine(files: Readonly<Record<string, string>>): Facts {
  writeMachine(root, { functions: [], files });
  return new Facts({ root });
}

/** Carries out a step on the tree's own file. */
function edit(step = ""): string {
  const local = step.replaceAll("sudo ", "").replace("&& update-grub", "").replace(GRUB, `${root}${GRUB}`);
  execFileSync("sh", ["-c", local]);
  return readFileSync(`${root}${GRUB}`, "utf8");
}

async function fixOfModules(files: Readonly<Record<string, string>>): Promise<string | undefined> {
  machine(files);
  return (await diagnose({ root })).findings.find(({ check }) => check === "modules")?.fix[0];
}

describe("the command line", () => {
  it("ends at --, keeps quoted words whole, and counts the last word of a parameter", () => {
    const facts = machine({ "/proc/cmdline": 'a="b c" intel_iommu=on,sm_on intel_iommu=off -- iommu=off\n' });
    expect(kernelWords(facts)).toEqual(['a="b c"', "intel_iommu=on,sm_on", "intel_iommu=off"]);
    expect(wordValue(facts, "a")).toBe("b c");
    expect(lastWord(facts, ["intel_iommu"], ["on", "off"])).toBe("intel_iommu=off");
    expect(lastWord(facts, ["iommu"], ["off"])).toBeNull();
  });

  it("loses the very word, and nothing of another one that it is a part of", () => {
    const facts = machine({ [GRUB]: 'GRUB_CMDLINE_LINUX="intel_iommu=off a iommu=off"\n' });
    const without = (remove: string) => edit(changeCommandLine(facts, { remove })[0]);
    expect(without("iommu=off")).toBe('GRUB_CMDLINE_LINUX="intel_iommu=off a"\n');
    expect(without("intel_iommu=off")).toBe('GRUB_CMDLINE_LINUX=" a"\n');
  });

  it.each([
    ["nouveau,vfio_pci", "quiet module_blacklist=nouveau", "take vfio_pci out of module_blacklist"],
    ["vfio,nouveau,vfio-pci,a", "quiet module_blacklist=nouveau,a", "take vfio,vfio-pci out of"],
    ["vfio,vfio_pci", "quiet", "take module_blacklist=vfio,vfio_pci from the kernel command line"],
  ])("loses of module_blacklist=%s what is VFIO's, and no more", async (list, left, byHand) => {
    const words = `quiet module_blacklist=${list}`;
    const files = { "/proc/cmdline": `${words}\n` };
    expect(await fixOfModules(files)).toContain(byHand);
    const text = `GRUB_CMDLINE_LINUX_DEFAULT="${words}"\n`;
    expect(edit(await fixOfModules({ ...files, [GRUB]: text }))).toBe(text.replace(words, left));
  });

  it.each([
    ["double quotes", 'GRUB_CMDLINE_LINUX="quiet"\n', "quiet a=on"],
    ["single quotes", "GRUB_CMDLINE_LINUX='quiet'\n", "quiet a=on"],
    ["no quotes", "GRUB_CMDLINE_LINUX=quiet\n", "quiet a=on"],
    ["other variables", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n', " a=on"],
    ["no end of its last line", "GRUB_TIMEOUT=5", " a=on"],
    ["nothing", "", " a=on"],
  ])("gains a word in a file with %s", (_, text, words) => {
    const file = edit(changeCommandLine(machine({ [GRUB]: text }), { add: "a=on" })[0]);
    // As grub-mkconfig reads it.
    const script = `. ${root}${GRUB}; printf %s "$GRUB_CMDLINE_LINUX"`;
    expect(execFileSync("sh", ["-c", script], { encoding: "utf8" }), file).toBe(words);
  });
});
