import { PciError } from "@userpci/interface";
import { applyEdits, planEdits, planUndo, type RegisterEdit } from "@userpci/pci-config/named";
import { type ConfigWrite, changeConfig, lastConfigChange, type TreeOptions } from "@userpci/sysfs";
import { type CommandCall, ofCommandLine, type Report, treeOf, WrongValue } from "../../command.ts";
import { hex } from "../../json.ts";
import type { Style } from "../../style.ts";
import { openTarget, requireConsent } from "../../target/open.ts";
import type { Target } from "../../target/target.ts";
import { notSeen } from "./source.ts";

/** A write that was done, or only planned: then nothing was read after it. */
interface DoneEdit extends RegisterEdit {
  readonly now?: number;
}

/** `userpci config set`. */
export async function run(call: CommandCall): Promise<Report> {
  const planOnly = call.options["plan"] === true;
  const undo = call.options["undo"] === true;
  if (undo && call.rest.length > 0) throw new WrongValue(twoWishes());
  const target = await openTarget(call, { use: "config", writable: !planOnly });
  const tree = treeOf(call);
  try {
    // What is wrong with the words is told before anything is asked or written.
    const edits = await planOf(call, target, undo, tree);
    const done = planOnly ? edits : await write(call, target, undo, tree);
    return {
      json: { address: target.address, via: target.via, planned: planOnly, undone: undo, writes: done },
      lines: done,
      text: (style) => [
        ...done.flatMap((edit) => editLines(edit, style)),
        ...(planOnly ? ["nothing was written: leave out --plan"] : []),
        ...(planOnly || undo || target.via !== "sysfs"
          ? []
          : [style.dim(`to take it back: ${undoOf(target, call.options["yes"] === true)}`)]),
      ],
    };
  } finally {
    await target.close();
  }
}

/** The command that takes a write back: where it was refused without `--yes`, so is that. */
const undoOf = ({ address, fn }: Target, consented: boolean): string =>
  `sudo userpci config set ${address} --undo${consented && fn?.driver != null ? " --yes" : ""}`;

const twoWishes = (): PciError =>
  new PciError("ERR_INVALID_ARGUMENT", "--undo takes the last writes back, and writes nothing else", {
    hint: "leave out the registers, or --undo",
  });

const nothingNoted = (address: string): PciError =>
  new PciError("ERR_NOT_SUPPORTED", `what is written to ${address} ends with the command, and is not noted`, {
    hint: "only writes to a function of this machine through sysfs, as root, outlive it",
  });

async function planOf(
  call: CommandCall,
  target: Target,
  undo: boolean,
  tree: TreeOptions,
): Promise<readonly RegisterEdit[]> {
  if (!undo) {
    return ofCommandLine(() => planEdits(target.config, call.rest)).catch((error: unknown) => {
      throw notSeen(call, target, call.options["plan"] === true ? "config set --plan" : "config set", error);
    });
  }
  if (target.via !== "sysfs") throw nothingNoted(target.address);
  const { writes } = await lastConfigChange(target.address, tree);
  return planUndo(target.config, writes);
}

/** Writes; what was noted before is there also for one that fails half-way. */
async function write(
  call: CommandCall,
  target: Target,
  undo: boolean,
  tree: TreeOptions,
): Promise<readonly DoneEdit[]> {
  await requireConsent(call, target, "a write to its configuration space");
  const apply = (edits: readonly RegisterEdit[]): readonly DoneEdit[] => {
    const now = applyEdits(target.config, edits);
    return edits.map((edit, index) => ({ ...edit, now: now[index]! }));
  };
  // Nothing else outlives this command.
  if (target.via !== "sysfs") return apply(await planOf(call, target, undo, tree));
  return changeConfig(target.address, tree, async (journal) => {
    // Another process may have written since this was planned first.
    const edits = await planOf(call, target, undo, tree);
    if (!undo) await journal.note(edits.map(noted));
    const done = apply(edits);
    if (undo) await journal.forget();
    return done;
  });
}

const noted = ({ name, offset, width, before, after }: RegisterEdit): ConfigWrite => ({
  name,
  offset,
  width,
  before,
  after,
});

function editLines({ name, offset, width, before, after, clears, now }: DoneEdit, style: Style): string[] {
  const digits = width / 4;
  const line = `${style.bold(name)}  at ${hex(offset, 2)}: ${hex(before, digits)} -> ${hex(after, digits)}`;
  const notes = [
    ...(clears === 0 ? [] : [`it clears the bits ${hex(clears, digits)} for good`]),
    // What was cleared reads 0 then.
    ...(now === undefined || now === (after & ~clears) >>> 0 ? [] : [`it reads ${hex(now, digits)} now`]),
  ];
  return [line, ...notes.map((note) => `  ${style.yellow(note)}`)];
}
