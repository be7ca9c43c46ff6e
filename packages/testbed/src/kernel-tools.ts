import { existsSync } from "node:fs";
import { chmod, cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PrivateApt, type Release, unpackDeb } from "./apt.ts";
import { TestbedError } from "./error.ts";
import { shellQuote } from "./guest/scripts.ts";
import { findOnPath, runTool } from "./tool.ts";
import { Toolbox } from "./toolbox.ts";

/** Releases whose tools compile a kernel, in order. */
const RELEASES: readonly Release[] = [{ suites: ["bookworm"] }, { suites: ["trixie"] }];

/** Programs that a kernel's makefiles call, by name, and where their packages have them. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  bc: ["usr/bin/bc"],
  bison: ["usr/bin/bison"],
  depmod: ["bin/kmod", "usr/bin/kmod"],
  flex: ["usr/bin/flex"],
  m4: ["usr/bin/m4"],
  xz: ["usr/bin/xz"],
};
const PROGRAM_PACKAGES = ["bc", "bison", "flex", "kmod", "m4", "xz-utils"];

/** libelf, for the kernel's objtool, and what it is made of: linked in whole, so that the machine's C library is the only one in that program. */
const LIBRARY_PACKAGES = ["libelf-dev", "zlib1g-dev", "libzstd-dev"];
const LIBRARIES = ["libelf.a", "libz.a", "libzstd.a"];
const HEADERS = ["libelf.h", "gelf.h"];

/** What must be on the machine: the compiler that made its other programs. */
const MACHINE_PROGRAMS = ["gcc", "make", "tar", "nice"];

/**
 * The version line of the machine's compiler.
 * @throws TestbedError ERR_TESTBED_PLATFORM when it, or another program that cannot be fetched, is missing.
 */
export async function compilerVersion(): Promise<string> {
  const missing = MACHINE_PROGRAMS.filter((name) => !findOnPath(name));
  if (missing.length > 0) {
    throw new TestbedError(
      "ERR_TESTBED_PLATFORM",
      `a kernel is compiled here, without ${missing.join(", ")}`,
      {
        hint: "sudo apt-get install gcc libc6-dev make",
      },
    );
  }
  return (await runTool(["gcc"], ["--version"], { code: "ERR_TESTBED_PLATFORM" })).split("\n")[0]!;
}

/** Programs and libraries to compile a kernel with, unpacked in a directory and not installed. */
export class KernelTools {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Fetches them into a directory that does not exist yet.
   * @throws TestbedError ERR_TESTBED_PROVISION.
   */
  static async fetch(directory: string): Promise<KernelTools> {
    let failure: unknown;
    for (const [index, release] of RELEASES.entries()) {
      try {
        const tools = new KernelTools(join(directory, String(index)));
        await tools.#fetch(release);
        return tools;
      } catch (error) {
        failure ??= error;
      }
    }
    throw failure;
  }

  /** Environment in which the kernel's makefiles find the programs before the machine's own. */
  get environment(): Readonly<Record<string, string>> {
    const bin = join(this.#directory, "bin");
    return {
      PATH: `${bin}:${process.env["PATH"]}`,
      M4: join(bin, "m4"),
      BISON_PKGDATADIR: join(this.#directory, "programs/usr/share/bison"),
    };
  }

  /** Variables for `make` that name the libraries. */
  get makeVariables(): readonly string[] {
    const folder = join(this.#directory, "libraries/usr/lib/x86_64-linux-gnu");
    const archives = LIBRARIES.map((name) => join(folder, name)).filter((path) => existsSync(path));
    return [`LIBELF_FLAGS=-I${join(this.#directory, "include")}`, `LIBELF_LIBS=${archives.join(" ")}`];
  }

  async #fetch(release: Release): Promise<void> {
    const at = (path: string) => join(this.#directory, path);
    const apt = await PrivateApt.open(at("apt"), release);
    for (const deb of await apt.downloadClosure(PROGRAM_PACKAGES)) await unpackDeb(deb, at("programs"));
    for (const deb of await apt.downloadAlone(LIBRARY_PACKAGES)) await unpackDeb(deb, at("libraries"));
    await this.#writePrograms();
    // Only these, so that no other header of the packages hides the machine's.
    for (const name of HEADERS) await cp(at(`libraries/usr/include/${name}`), at(`include/${name}`));
  }

  async #writePrograms(): Promise<void> {
    const toolbox = new Toolbox(join(this.#directory, "programs"));
    await mkdir(join(this.#directory, "bin"));
    for (const [name, candidates] of Object.entries(PROGRAMS)) {
      const path = join(this.#directory, "bin", name);
      const command = toolbox.commandAs(name, ...candidates).map(shellQuote);
      await writeFile(path, `#!/bin/sh\nexec ${command.join(" ")} "$@"\n`);
      await chmod(path, 0o755);
    }
  }
}
