import { parseArgs } from "node:util";
import { DEVICES } from "./device.ts";
import { TestbedError } from "./error.ts";
import type { BootOptions } from "./options.ts";
import type { RunOptions } from "./vm.ts";

/** What a command line asks for. */
export type CliRequest =
  | { readonly command: "help"; readonly text: string }
  | {
      readonly command: "provision";
      readonly kernel: "iommufd" | undefined;
      readonly refresh: boolean;
      readonly json: boolean;
    }
  | {
      readonly command: "run";
      readonly argv: readonly string[];
      readonly boot: BootOptions;
      readonly run: RunOptions;
      readonly json: boolean;
      readonly quiet: boolean;
      readonly console: boolean;
    };

const USAGE = `userpci-testbed: run a command on a real Linux kernel with an IOMMU and emulated PCI devices

Usage:
  userpci-testbed run [options] -- <command> [argument...]
  userpci-testbed provision [--kernel iommufd] [--refresh] [--json]

"run" boots a virtual machine, runs the command in it with this machine's file tree visible (writes are thrown away), and ends with the
command's exit status. "provision" only fetches QEMU and a kernel (about 150 MB, once), or builds one.

Machine:
  --device NAME[,PROPERTY=VALUE...]  add a device; may be repeated. Names:
${Object.entries(DEVICES)
  .map(([name, { about }]) => `                                       ${name.padEnd(13)} ${about}`)
  .join("\n")}
                                     anything else goes to QEMU's -device as it is
  --kernel iommufd                   Linux with IOMMUFD, compiled here when first used (5 to 8 minutes on two
                                     processors); without it, Debian's kernel
  --memory SIZE                      guest memory, default 2G
  --hugepages COUNT                  huge pages of 2 MiB reserved in the guest
  --iommu DEVICE|none                another IOMMU device, or none
  --append TEXT                      more of the kernel's command line
  --qemu ARGUMENT                    one more argument for QEMU; may be repeated
  --boot-timeout SECONDS             default 120

Command:
  --user USER[:GROUP]                who runs it: a uid or a name, default root
  --memlock BYTES|unlimited          its limit of locked memory
  --cwd DIRECTORY                    default: the current directory
  --env NAME[=VALUE]                 a variable for it; without a value, the caller's. May be repeated
  --timeout SECONDS                  kill it after this time, default 300; 0 for no limit

Output:
  --json                             one object with status, output, console and DMA faults, instead of streaming
  --console                          show the guest's console at the end
  --quiet                            no progress on standard error
  --help

Exit status: the command's own; 128 + the signal that killed it; 124 when it ran out of time; 125 when the test bed itself failed.
`;

const OPTIONS = {
  device: { type: "string", multiple: true },
  kernel: { type: "string" },
  memory: { type: "string" },
  hugepages: { type: "string" },
  iommu: { type: "string" },
  append: { type: "string" },
  qemu: { type: "string", multiple: true },
  "boot-timeout": { type: "string" },
  user: { type: "string" },
  memlock: { type: "string" },
  cwd: { type: "string" },
  env: { type: "string", multiple: true },
  timeout: { type: "string" },
  json: { type: "boolean" },
  console: { type: "boolean" },
  quiet: { type: "boolean" },
  refresh: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>["values"];

/**
 * Reads a command line (without node and script).
 * @throws TestbedError ERR_TESTBED_ARGUMENT that says which word is wrong.
 */
export function parseCli(words: readonly string[], env: NodeJS.ProcessEnv = process.env): CliRequest {
  const separator = words.indexOf("--");
  const own = separator < 0 ? words : words.slice(0, separator);
  const { values, positionals } = parseWords(own);
  const [command, ...extra] = positionals;
  if (values.help || command === "help") return { command: "help", text: USAGE };
  const argv = [...extra, ...(separator < 0 ? [] : words.slice(separator + 1))];
  if (command === "provision")
    return {
      command,
      kernel: kernelName(values.kernel),
      refresh: values.refresh ?? false,
      json: values.json ?? false,
    };
  if (command !== "run")
    throw usage(command ? `unknown command ${JSON.stringify(command)}` : "no command given");
  if (argv.length === 0) throw usage("nothing to run: the command comes after --");
  return {
    command,
    argv,
    boot: bootOptions(values),
    run: runOptions(values, env),
    json: values.json ?? false,
    quiet: values.quiet ?? false,
    console: values.console ?? false,
  };
}

function parseWords(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw usage((error as Error).message);
  }
}

function bootOptions(values: Values): BootOptions {
  const { device, memory, hugepages, iommu, append, qemu, "boot-timeout": bootTimeout } = values;
  const kernel = kernelName(values.kernel);
  return {
    ...(device && { devices: device }),
    ...(kernel && { kernel }),
    ...(memory !== undefined && { memory }),
    ...(hugepages !== undefined && { hugepages: number("hugepages", hugepages) }),
    ...(iommu !== undefined && { iommu: iommu === "none" ? null : iommu }),
    ...(append !== undefined && { append }),
    ...(qemu && { qemuArguments: qemu }),
    ...(bootTimeout !== undefined && { bootTimeoutMs: number("boot-timeout", bootTimeout) * 1000 }),
  };
}

function kernelName(value: string | undefined): "iommufd" | undefined {
  if (value === undefined || value === "iommufd") return value;
  throw usage(`--kernel takes iommufd, not ${JSON.stringify(value)}`);
}

function runOptions(values: Values, env: NodeJS.ProcessEnv): RunOptions {
  const { user, memlock, cwd, timeout } = values;
  return {
    ...(user !== undefined && { user }),
    ...(memlock !== undefined && { memlock: memlock === "unlimited" ? memlock : number("memlock", memlock) }),
    ...(cwd !== undefined && { cwd }),
    ...(timeout !== undefined && { timeoutMs: number("timeout", timeout) * 1000 }),
    env: Object.fromEntries((values.env ?? []).map((item) => variable(item, env))),
  };
}

function variable(item: string, env: NodeJS.ProcessEnv): [string, string] {
  const equals = item.indexOf("=");
  if (equals > 0) return [item.slice(0, equals), item.slice(equals + 1)];
  const value = env[item];
  if (equals === 0 || value === undefined) throw usage(`--env ${item}: no such variable in this environment`);
  return [item, value];
}

function number(name: string, text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw usage(`--${name} takes a number, not ${JSON.stringify(text)}`);
  return Number(text);
}

function usage(message: string): TestbedError {
  return new TestbedError("ERR_TESTBED_ARGUMENT", message, { hint: "see userpci-testbed --help" });
}
