import type { FileChange, Setup } from "@userpci/sysfs/persist";
import type { Style } from "./style.ts";

/** Whether something is to last, would be, or is to last no longer. */
export type SetupAct = "plan" | "done" | "undone";

/** Files that last over boots, as JSON has them. */
export function setupJson({ address, files, nodes, after, udev }: Setup, act: SetupAct): object {
  return { address, plan: act === "plan", files: files.map((file) => fileJson(file)), nodes, after, udev };
}

function fileJson({ purpose, kind, path, change, after, next }: FileChange): object {
  const mode = next === null ? null : next.mode.toString(8).padStart(4, "0");
  return { purpose, kind, path, change, after, mode, text: next?.text ?? null };
}

const words: Readonly<Record<FileChange["change"], Readonly<Record<SetupAct, string>>>> = {
  write: { plan: "write", done: "wrote", undone: "wrote" },
  remove: { plan: "remove", done: "removed", undone: "removed" },
  none: { plan: "keep", done: "kept", undone: "kept" },
};

/** Files that last over boots, as text: in a plan with what is to be in them. */
export function setupLines({ files, nodes, after, udev }: Setup, act: SetupAct, style: Style): string[] {
  const handed = act === "undone" ? "closed " : "opened ";
  const mark = (change: FileChange["change"]) => style.cyan(words[change][act].padEnd(7));
  return [
    ...files.flatMap((file) => [
      `  ${mark(file.change)}  ${file.path}`,
      ...(act === "plan" ? contents(file, style) : []),
    ]),
    ...(files.length === 0 ? ["  there is nothing to do"] : []),
    ...nodes.map((path) => `  ${style.cyan(handed)}  ${path}`),
    ...after.map((command) => `  ${style.yellow("then   ")}  ${command}`),
    ...(udev
      ? []
      : [`  ${style.yellow("note   ")}  no udev runs here, so its rules count from the next boot with one`]),
  ];
}

function contents({ change, next }: FileChange, style: Style): string[] {
  if (change !== "write" || next === null) return [];
  return next.text
    .trimEnd()
    .split("\n")
    .map((line) => `           ${style.dim(`| ${line}`)}`);
}
