import { isPciError, PciError } from "@userpci/interface";
import { type ConfigSpace, fromJSON, toJSON } from "@userpci/pci-config";
import { PciAddress } from "@userpci/sysfs";
import { type CommandCall, type OptionValues, treeOf } from "../../command.ts";
import { configLimit } from "../../show/limit.ts";
import { openTarget } from "../../target/open.ts";
import { SMALLEST_CONFIG, type Target } from "../../target/target.ts";
import { functionsIn, readDump } from "../show-dump.ts";

/** A configuration space and where it is from; its bytes do not change any more. */
export interface ConfigSource {
  /** PCI address, socket, model or file, for people. */
  readonly name: string;
  readonly config: ConfigSpace;
  /** Bytes of BARs 0 to 5, where the system tells them. */
  readonly barSizes?: readonly number[];
}

/**
 * Tells where only a part of configuration space could be looked at, and who would see the rest.
 *
 * @param command such as `config check`
 */
export function noteShort(call: CommandCall, sources: readonly ConfigSource[], command: string): void {
  const short = sources.find(({ config }) => config.size < SMALLEST_CONFIG);
  if (call.json || short === undefined) return;
  const words = [...call.arguments, ...call.rest].filter((word) => word !== undefined).join(" ");
  // Root sees less where it lacks a capability, as in a container: sudo is no help there.
  const helps = isAddress(short.name) && call.options["root"] === undefined && process.geteuid?.() !== 0;
  const rest = helps ? `: sudo userpci ${command} ${words}` : "";
  call.terminal.note(`of ${short.name} only ${short.config.size} bytes could be read${rest}\n`);
}

/**
 * An error of reading registers by name: that one is not there is not known of a configuration space of which a part was read.
 *
 * @param command such as `config get`
 */
export function notSeen(
  call: CommandCall,
  { address, config, fn }: Target,
  command: string,
  error: unknown,
): unknown {
  if (fn === null || config.size >= SMALLEST_CONFIG) return error;
  if (!isPciError(error, "ERR_NOT_SUPPORTED") && !isPciError(error, "ERR_OUT_OF_RANGE")) return error;
  const tree = treeOf(call);
  const helps = tree.root === undefined && process.geteuid?.() !== 0;
  const hint = helps
    ? `sudo userpci ${command} ${address} ${call.rest.join(" ")}`
    : configLimit(address, config.size, 0, tree);
  const message = `of ${address} only ${config.size} bytes could be read, and not all that was asked for is in them`;
  const code = tree.root === undefined ? "ERR_PERMISSION" : "ERR_NOT_SUPPORTED";
  return new PciError(code, message, { ...(hint !== null && { hint }) });
}

/** Whether a word means a function of the machine, and not a file. */
export const isAddress = (text: string): boolean => PciAddress.tryParse(text) !== null;

/**
 * Reads a configuration space of a function, or of a file: what `lspci -x…` printed, raw bytes, or the JSON of `userpci show`.
 *
 * @param near address that a file of several functions is asked for
 * @throws PciError `ERR_NO_DEVICE`, `ERR_INVALID_ARGUMENT` for a file that has none or several; what reading throws
 */
export async function readSource(call: CommandCall, text: string, near?: string): Promise<ConfigSource> {
  if (isAddress(text)) return readTarget({ ...call, arguments: [text], options: ofMachine(call.options) });
  const content = readDump(text);
  // Raw bytes may begin with a bracket too.
  const isJson = /^\s*(\{|\[\s*\{)/.test(content.subarray(0, 64).toString("latin1"));
  if (!isJson) return { name: text, config: only(functionsIn(content, text), text, near).config };
  return { name: text, config: fromJSON(only(functionsOfJson(content, text), text, near).config) };
}

/** Without what stands for another device. */
const ofMachine = ({ model: _model, socket: _socket, ...options }: OptionValues): OptionValues => options;

/** The device that a command line names. */
export async function readTarget(call: CommandCall): Promise<ConfigSource> {
  const target = await openTarget(call, { use: "config" });
  try {
    const sizes = Array.from(
      { length: 6 },
      (_, at) => target.bars.find(({ index }) => index === at)?.size ?? 0,
    );
    return { name: target.address, config: fromJSON(toJSON(target.config)), barSizes: sizes };
  } finally {
    await target.close();
  }
}

/** Of one function, or of several: a list, or what `userpci show --file` prints around one. */
function functionsOfJson(content: Buffer, path: string): readonly Found<unknown>[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content.toString("utf8"));
  } catch (cause) {
    throw noSource(path, "is no JSON", cause);
  }
  const { functions = parsed } = parsed as { functions?: unknown };
  return (Array.isArray(functions) ? functions : [functions]).map((each: unknown) => {
    const { address, config = each } = Object(each) as Record<"address" | "config", unknown>;
    return { address: typeof address === "string" ? address : null, config };
  });
}

/** A function that a file has, with its configuration space in whatever form. */
interface Found<Config> {
  readonly address: string | null;
  readonly config: Config;
}

function noSource(path: string, why: string, cause?: unknown): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", `${path} ${why}`, {
    path,
    hint: "give an address, what `lspci -xxxx` printed, raw bytes, or what `userpci show --json` printed",
    ...(cause !== undefined && { cause }),
  });
}

function only<F extends Found<unknown>>(functions: readonly F[], path: string, near: string | undefined): F {
  const wanted = near === undefined ? undefined : PciAddress.tryParse(near)?.toString();
  const found = functions.length === 1 ? functions[0] : functions.find(({ address }) => address === wanted);
  if (found !== undefined) return found;
  if (functions.length === 0) throw noSource(path, "has no function");
  const addresses = functions.map(({ address }) => address ?? "one without an address").join(", ");
  throw new PciError("ERR_INVALID_ARGUMENT", `${path} has ${functions.length} functions: ${addresses}`, {
    path,
    hint: "give a file of one of them: lspci -xxxx -s ADDRESS, or userpci show ADDRESS --file DUMP --json",
  });
}
