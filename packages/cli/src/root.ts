import { statSync } from "node:fs";
import { join } from "node:path";
import { type OptionValues, ofCommandLine, wrongRoot } from "./command.ts";

/** Options whose `--root` is a directory, and what gives it back. */
export interface OpenRoot {
  readonly options: OptionValues;
  /** Removes what was unpacked. May be called twice. */
  readonly close: () => void;
}

/**
 * Unpacks the archive that `--root` names, if it is one: commands read directories.
 *
 * @throws WrongValue for an archive that is damaged, or has no sysfs in it
 */
export async function openRoot(options: OptionValues): Promise<OpenRoot> {
  const { root } = options;
  const isFile =
    typeof root === "string" && statSync(root, { throwIfNoEntry: false, bigint: true })?.isFile();
  if (!isFile) return { options, close: () => {} };
  const { openSnapshot } = await import("@userpci/sysfs/snapshot");
  const snapshot = await ofCommandLine(() => openSnapshot(root));
  const hasTree = statSync(join(snapshot.root, "sys/bus/pci/devices"), { throwIfNoEntry: false });
  if (hasTree !== undefined) return { options: { ...options, root: snapshot.root }, close: snapshot.close };
  snapshot.close();
  throw wrongRoot(root, "sys/bus/pci/devices");
}
