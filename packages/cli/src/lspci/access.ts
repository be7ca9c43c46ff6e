import { PciError } from "@userpci/interface";

/** Ways to devices that lspci knows, and whether they are here. */
const methods: Readonly<Record<string, boolean>> = {
  "linux-sysfs": true,
  "linux-proc": false,
  "intel-conf1": false,
  "intel-conf2": false,
  dump: true,
  "mmio-conf1": false,
  "mmio-conf1-ext": false,
  ecam: false,
};

/** Parameters that matter here: what they are, and what they are unless given. */
const parameters: Readonly<Record<string, readonly [meaning: string, value: string]>> = {
  "dump.name": ["Name of the bus dump file to read from", ""],
  "sysfs.path": ["Path to the sysfs device tree", "/sys/bus/pci"],
};

/** Parameters that lspci knows, and that only ways to devices or to names have use for which are not here. */
const idle: readonly string[] = [
  ...["devmem.path", "ecam.acpimcfg", "ecam.addrs", "ecam.efisystab", "ecam.x86bios", "hwdb.disable"],
  ...["mmio-conf1-ext.addrs", "mmio-conf1.addrs", "net.cache_name", "net.domain", "proc.path"],
];

/** The options `-A`, `-O`, `-F` and `-H`, as they are met on a command line: the last word counts. */
export class Access {
  #method = "linux-sysfs";
  readonly #given = new Map<string, string>();

  /** Whether an option is one of these. */
  static has(letter: string): boolean {
    return "AOFH".includes(letter);
  }

  /** Path of the dump that is wanted in place of the system's devices. */
  get dump(): string | undefined {
    return this.#method === "dump" ? (this.#given.get("dump.name") ?? "") : undefined;
  }

  /** Directory of the system's PCI tree, if another than the usual one. */
  get sysfs(): string | undefined {
    return this.#given.get("sysfs.path");
  }

  /**
   * Adds an option.
   *
   * @returns the list that `help` as the value asks for, to be printed in place of everything else
   * @throws PciError `ERR_INVALID_ARGUMENT` with lspci's words, `ERR_NOT_SUPPORTED` for what only lspci has
   */
  add(letter: string, value: string): string | undefined {
    if (letter === "O") return this.#parameter(value);
    if (letter === "A") return this.#use(value);
    if (letter === "F") this.#given.set("dump.name", value);
    else if (value !== "1" && value !== "2") throw wrong(`Unknown hardware configuration type ${value}`);
    return this.#use(letter === "F" ? "dump" : `intel-conf${value}`);
  }

  #use(method: string): string | undefined {
    if (method === "help") return list("methods", ownMethods());
    if (!Object.hasOwn(methods, method)) {
      throw wrong(`No such PCI access method: ${method} (see \`-A help' for a list)`);
    }
    if (!methods[method]) {
      throw new PciError(
        "ERR_NOT_SUPPORTED",
        `-A ${method} needs direct access to hardware, which userpci does not use`,
        {
          hint: `the ways to devices are ${ownMethods().join(" and ")}`,
        },
      );
    }
    this.#method = method;
    return undefined;
  }

  #parameter(value: string): string | undefined {
    if (value === "help") return list("parameters", Object.entries(parameters).map(describe));
    const equals = value.indexOf("=");
    if (equals < 0) throw wrong(`Invalid PCI access parameter syntax: ${value}`);
    const name = value.slice(0, equals);
    if (!Object.hasOwn(parameters, name) && !idle.includes(name)) {
      throw wrong(`Unrecognized PCI access parameter: ${name} (see \`-O help' for a list)`);
    }
    this.#given.set(name, value.slice(equals + 1));
    return undefined;
  }
}

function ownMethods(): string[] {
  return Object.keys(methods).filter((name) => methods[name]);
}

function describe([name, [meaning, value]]: [string, readonly [string, string]]): string {
  return `${name.padEnd(20)} ${meaning} (${value})`;
}

function list(what: string, lines: readonly string[]): string {
  return `Known PCI access ${what}:\n\n${lines.join("\n")}\n`;
}

function wrong(words: string): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", words);
}
