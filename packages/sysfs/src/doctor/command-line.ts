import { type Evidence, evidence, type Facts } from "./facts.ts";

const PATH = "/proc/cmdline";

/** The words that the kernel was started with, in their order. */
export function kernelWords(facts: Facts): readonly string[] {
  const text = facts.text(PATH).value ?? "";
  const words: readonly string[] = text.match(/(?:[^\s"]|"[^"]*")+/g) ?? [];
  // What follows is for the first process.
  const end = words.indexOf("--");
  return end < 0 ? words : words.slice(0, end);
}

/** The last word that is one of these parameters and has one of these values, which may be among others: `intel_iommu=on,sm_on`. */
export function lastWord(facts: Facts, names: readonly string[], values: readonly string[]): string | null {
  const found = kernelWords(facts).findLast((word) => {
    const [name = "", value = ""] = split(word);
    return names.includes(name) && value.split(",").some((part) => values.includes(part));
  });
  return found ?? null;
}

/** Whether a word without a value is among them. */
export function hasWord(facts: Facts, word: string): boolean {
  return kernelWords(facts).includes(word);
}

/** The value of a parameter, the last if it is given more than once. */
export function wordValue(facts: Facts, name: string): string | null {
  const word = kernelWords(facts).findLast((candidate) => split(candidate)[0] === name);
  return word === undefined ? null : (split(word)[1] ?? "");
}

/** The command line as evidence. @param says the words that matter; default: that none of them is there */
export function commandLineEvidence(facts: Facts, says: string): Evidence {
  return evidence(facts.text(PATH), says);
}

/** What to add to the command line, or to take from it. */
export interface WordChange {
  readonly add?: string;
  readonly remove?: string;
}

interface BootLoader {
  /** The file by which it is known. */
  readonly path: string;
  readonly add: (word: string, facts: Facts) => string;
  readonly remove: (word: string, facts: Facts) => string;
}

const grub = "/etc/default/grub";

/** `update-grub` is Debian's; others have what it runs, which Fedora and SUSE call grub2-mkconfig. */
function updateGrub(facts: Facts): string {
  const has = (name: string): boolean => facts.has(`/usr/sbin/${name}`);
  if (has("update-grub")) return "sudo update-grub";
  if (has("grub2-mkconfig")) return "sudo grub2-mkconfig -o /boot/grub2/grub.cfg";
  return has("grub-mkconfig") ? "sudo grub-mkconfig -o /boot/grub/grub.cfg" : "sudo update-grub";
}

/** Where distributions keep the command line, and what changes it. */
const bootLoaders: readonly BootLoader[] = [
  {
    path: "/usr/sbin/grubby",
    add: (word) => `sudo grubby --update-kernel=ALL --args=${word}`,
    remove: (word) => `sudo grubby --update-kernel=ALL --remove-args=${word}`,
  },
  {
    path: grub,
    add: (word, facts) => `sudo sed -i 's/^GRUB_CMDLINE_LINUX="/&${word} /' ${grub} && ${updateGrub(facts)}`,
    // Whole words: iommu=off is a part of intel_iommu=off.
    remove: (word, facts) =>
      `sudo sed -i '/^GRUB_CMDLINE/s/ *\\b${word.replaceAll(".", "\\.")}\\b//' ${grub} && ${updateGrub(facts)}`,
  },
];

/** The steps that change the kernel's command line on this machine. */
export function changeCommandLine(facts: Facts, { add, remove }: WordChange): readonly string[] {
  const loader = bootLoaders.find(({ path }) => facts.has(path));
  const steps = [
    ...(remove === undefined ? [] : [removal(remove, loader, facts)]),
    ...(add === undefined ? [] : [loader?.add(add, facts) ?? `add ${add} to the kernel command line`]),
  ];
  return [...steps, "sudo reboot"];
}

/** A word with quotes or a shell's signs in it is for an editor. */
function removal(word: string, loader: BootLoader | undefined, facts: Facts): string {
  if (/^[\w=.,:-]+$/.test(word))
    return loader?.remove(word, facts) ?? `take ${word} from the kernel command line`;
  return `take ${split(word)[0]} from the kernel command line`;
}

function split(word: string): string[] {
  const at = word.indexOf("=");
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1).replaceAll('"', "")];
}
