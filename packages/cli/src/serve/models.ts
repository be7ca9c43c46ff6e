import { existsSync } from "node:fs";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { DeviceModel } from "@userpci/device-model";
import { formatValue, PciError } from "@userpci/interface";
import { WrongValue } from "../command.ts";
import { noteLoadedCode } from "../loaded-code.ts";

const EXPORT_HINT =
  "export default edu(); or export default () => edu(); see DeviceModel of @userpci/device-model";

/** Makes the models that are served: several where devices belong together. */
export type MakeModels = () => readonly DeviceModel[];

/** Models that need no file, by name. */
const builtIn: Readonly<Record<string, () => Promise<MakeModels>>> = {
  edu: async () => {
    const { edu } = await import("@userpci/edu/model");
    return () => [edu()];
  },
  nvme: async () => {
    const { nvme } = await import("@userpci/nvme/model");
    return () => [nvme()];
  },
  nic: async () => {
    const { nicPair } = await import("@userpci/nic/model");
    return () => nicPair();
  },
};

/**
 * Finds what is to be served.
 *
 * @param name of a model that comes with the command, or of a module whose default export is a model, makes one, or is or makes a
 * list of them
 * @throws WrongValue for a name that is neither, and a module that exports no model; what the module throws
 */
export async function findModels(name: string): Promise<MakeModels> {
  if (Object.hasOwn(builtIn, name)) return await builtIn[name]!();
  const path = resolve(name);
  if (!existsSync(path)) {
    throw wrong(`there is no model ${JSON.stringify(name)}, and no such file`, {
      hint: `one of ${Object.keys(builtIn).join(", ")}, or a module such as ./model.js that exports one`,
      path,
    });
  }
  const { default: exported } = (await load(path)) as { default?: unknown };
  if (exported === undefined) throw wrong(`${name} has no default export`, { hint: EXPORT_HINT, path });
  const make = typeof exported === "function" ? (exported as () => unknown) : () => exported;
  return () => checkModels(make(), name);
}

/** Modules of TypeScript load where Node does so itself. */
async function load(path: string): Promise<unknown> {
  noteLoadedCode();
  try {
    return await import(pathToFileURL(path).href);
  } catch (error) {
    const isUnknown = (error as NodeJS.ErrnoException).code === "ERR_UNKNOWN_FILE_EXTENSION";
    if (!isUnknown) {
      const cause = error instanceof Error ? error.message : String(error);
      throw wrong(`${path} cannot be loaded: ${cause}`, { hint: `node ${path} says where`, path });
    }
    throw wrong(`Node ${process.versions.node} does not load ${extname(path)} files`, {
      hint: "use Node 22.18 or later for TypeScript, or compile it to JavaScript",
      path,
    });
  }
}

/** @throws WrongValue */
function checkModels(made: unknown, name: string): readonly DeviceModel[] {
  if (made instanceof Promise) {
    made.catch(() => undefined);
    throw wrong(`the default export of ${name} makes a promise, not a model`, {
      hint: "await what takes time at the top of the module, before it exports",
    });
  }
  const models: readonly unknown[] = Array.isArray(made) ? made : [made];
  const other = models.find((model) => !isModel(model));
  if (models.length > 0 && other === undefined) return models as readonly DeviceModel[];
  throw wrong(`the default export of ${name} is ${formatValue(other)}, not a model`, {
    hint: EXPORT_HINT,
  });
}

const isModel = (value: unknown): value is DeviceModel =>
  typeof value === "object" &&
  value !== null &&
  typeof (value as DeviceModel).create === "function" &&
  typeof (value as DeviceModel).name === "string";

function wrong(message: string, options: { hint: string; path?: string }): WrongValue {
  return new WrongValue(new PciError("ERR_INVALID_ARGUMENT", message, options));
}
