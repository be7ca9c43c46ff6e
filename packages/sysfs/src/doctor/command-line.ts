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
  /** What of the removed word stays in its place: the rest of a list. */
  readonly keep?: string;
}

interface BootLoader {
  /** The file by which it is known. */
  readonly path: string;
  readonly add: (word: string, facts: Facts) => string;
  readonly remove: (word: string, keep: string | undefined, facts: Facts) => string;
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
    remove: (word, keep) =>
      `sudo grubby --update-kernel=ALL --remove-args=${word}${keep === undefined ? "" : ` --args=${keep}`}`,
  },
  {
    path: grub,
    // The file is a script that others source: a line at its end counts whatever quotes, variables or line ends are before it.
    add: (word, facts) =>
      `printf '\\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX ${word}"\\n' | sudo tee -a ${grub} && ${updateGrub(facts)}`,
    // Whole words: iommu=off is a part of intel_iommu=off.
    remove: (word, keep, facts) =>
      `sudo sed -i '/^GRUB_CMDLINE/s/${keep === undefined ? " *" : ""}\\b${word.replaceAll(".", "\\.")}\\b/${keep ?? ""}/' ${grub} && ${updateGrub(facts)}`,
  },
];

/** The steps that change the kernel's command line on this machine. */
export function changeCommandLine(facts: Facts, { add, remove, keep }: WordChange): readonly string[] {
  const loader = bootLoaders.find(({ path }) => facts.has(path));
  const steps = [
    ...(remove === undefined
      ? []
      : [
          loader !== undefined && isPlain(remove)
            ? loader.remove(remove, keep, facts)
            : removal(remove, keep),
        ]),
    ...(add === undefined ? [] : [loader?.add(add, facts) ?? `add ${add} to the kernel command line`]),
  ];
  return [...steps, "sudo reboot"];
}

/** A word with quotes or a shell's signs in it is for an editor. */
const isPlain = (word: string): boolean => /^[\w=.,:-]+$/.test(word);

/** A removal in words. */
function removal(word: string, keep: string | undefined): string {
  const [name = "", value = ""] = split(word);
  if (keep === undefined) return `take ${isPlain(word) ? word : name} from the kernel command line`;
  const kept = split(keep)[1]?.split(",");
  const gone = value.split(",").filter((part) => !kept?.includes(part));
  return `take ${gone.join(",")} out of ${name} on the kernel command line`;
}

function split(word: string): string[] {
  const at = word.indexOf("=");
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1).replaceAll('"', "")];
}
