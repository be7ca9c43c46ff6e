import { gunzipSync } from "node:zlib";
import { type Evidence, evidence, type Facts } from "./facts.ts";
import { kernelRelease } from "./platform.ts";

/** The longest configuration that is unpacked, in bytes; a full one has 300 KiB. */
const LONGEST = 4 * 2 ** 20;

/** What the kernel was built with. */
export class KernelConfig {
  /** The file that it was read from. */
  readonly path: string;
  readonly #values: ReadonlyMap<string, string>;

  /** @param text lines such as `CONFIG_VFIO=m` and `# CONFIG_VFIO is not set` */
  constructor(path: string, text: string) {
    this.path = path;
    const lines = text.matchAll(/^CONFIG_(\w+)=(.*)$/gm);
    this.#values = new Map([...lines].map(([, name, value]) => [name!, value!]));
  }

  /** Whether a symbol is built in or a module. @param name without `CONFIG_` */
  has(name: string): boolean {
    return ["y", "m"].includes(this.#values.get(name) ?? "");
  }

  /** Symbols as evidence. */
  evidence(names: readonly string[]): Evidence {
    const says = names.map((name) => `CONFIG_${name}=${this.#values.get(name) ?? "n"}`).join(" ");
    return { path: this.path, says };
  }
}

/** Where a kernel's configuration may be, best first. */
function places(release: string): readonly string[] {
  return [
    "/proc/config.gz",
    `/boot/config-${release}`,
    `/lib/modules/${release}/config`,
    `/usr/lib/modules/${release}/config`,
    `/lib/modules/${release}/build/.config`,
  ];
}

const found = new WeakMap<Facts, KernelConfig | null>();

/** The running kernel's configuration; null if this user finds none. */
export function kernelConfig(facts: Facts): KernelConfig | null {
  let config = found.get(facts);
  if (config === undefined) {
    config = readConfig(facts);
    found.set(facts, config);
  }
  return config;
}

/** Where it was looked for in vain, as evidence. */
export function missingConfig(facts: Facts): readonly Evidence[] {
  return places(kernelRelease(facts) ?? "")
    .slice(0, 2)
    .map((path) => evidence(facts.text(path)));
}

function readConfig(facts: Facts): KernelConfig | null {
  for (const path of places(kernelRelease(facts) ?? "")) {
    const { value } = facts.bytes(path);
    const text = value === null ? null : unpack(value);
    if (text?.includes("CONFIG_")) return new KernelConfig(path, text);
  }
  return null;
}

function unpack(bytes: Buffer): string | null {
  try {
    const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
    return (packed ? gunzipSync(bytes, { maxOutputLength: LONGEST }) : bytes).toString("utf8");
  } catch {
    return null;
  }
}
