import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Pciutils, provisionPciutils } from "@userpci/testbed";
import { runDropIn } from "../../packages/cli/src/lspci/run.ts";

/** What a run of a program printed. */
export interface Printed {
  /** Standard output and errors together, a character for each byte. */
  readonly text: string;
  readonly status: number | null;
  /** Whether the program died of a fault of its own, as lspci does on some configuration spaces. */
  readonly died: boolean;
}

/** The real lspci with its names. Says aloud why there is none. */
export async function realPciutils(): Promise<Pciutils | undefined> {
  try {
    return await provisionPciutils((line) => console.error(`[lspci] ${line}`));
  } catch (error) {
    console.error(`[lspci] SKIPPED: the real lspci cannot be had: ${(error as Error).message}`);
    return undefined;
  }
}

/** The real lspci, and ours beside it. */
export class Reference implements Disposable {
  readonly version: string;
  readonly #pciutils: Pciutils;
  readonly #folder = mkdtempSync(join(tmpdir(), "userpci-lspci-"));

  private constructor(pciutils: Pciutils) {
    this.#pciutils = pciutils;
    this.version = pciutils.version;
  }

  /** Says aloud why there is none. */
  static async open(): Promise<Reference | undefined> {
    const pciutils = await realPciutils();
    return pciutils && new Reference(pciutils);
  }

  /** Where a test may write. */
  get folder(): string {
    return this.#folder;
  }

  /** Keeps a dump in a file for `-F`. */
  dump(text: string): readonly string[] {
    const path = join(this.#folder, "dump.txt");
    writeFileSync(path, text);
    return ["-F", path];
  }

  /** What lspci prints. */
  real(args: readonly string[]): Printed {
    const [program, ...leading] = this.#pciutils.lspci;
    // Where udev is installed libpci takes names from its database too, beside the file.
    const all = [...leading, "-O", "hwdb.disable=1", "-i", this.#pciutils.ids, ...args];
    const { stdout, stderr, status } = spawnSync(program, all, { encoding: "latin1", maxBuffer: 1 << 28 });
    const fault = status === null || /Internal bug/.test(stderr);
    // About the machine, not about the devices.
    const words = stderr.replace(/^(lspci: Unable to load libkmod|pcilib: ).*\n/gm, "");
    return { text: stdout + (fault ? "" : words), status, died: fault };
  }

  /** What `userpci lspci` prints. */
  ours(args: readonly string[]): Printed {
    const output: Uint8Array[] = [];
    const notes: Uint8Array[] = [];
    const terminal = {
      write: (part: string | Uint8Array) => void output.push(Buffer.from(part as string)),
      note: (part: string) => void notes.push(Buffer.from(part)),
    };
    const status = runDropIn(
      ["-i", this.#pciutils.ids, ...args],
      terminal as Parameters<typeof runDropIn>[1],
    );
    return { text: Buffer.concat([...output, ...notes]).toString("latin1"), status, died: false };
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
