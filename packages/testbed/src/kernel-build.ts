import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { TestbedError } from "./error.ts";
import { runJob } from "./job.ts";
import { KERNEL_CONFIG, missingOptions } from "./kernel-config.ts";
import type { KernelTools } from "./kernel-tools.ts";
import { kernelAt } from "./kernel-tree.ts";
import type { OnProgress } from "./progress.ts";

/** About how many lines `make` prints for the configuration: one for each file. */
const EXPECTED_LINES = 2000;

/** Leaves the machine usable while it compiles with all processors. */
const GENTLY = ["nice", "-n", "10"] as const;

/** Compiles a kernel from an unpacked source. */
export class KernelBuild {
  readonly #source: string;
  readonly #output: string;
  readonly #tools: KernelTools;
  readonly #signal: AbortSignal | undefined;

  /** @param output a directory that does not exist yet, for everything that `make` writes (about 0.2 GB). */
  constructor(source: string, output: string, tools: KernelTools, signal?: AbortSignal) {
    this.#source = source;
    this.#output = output;
    this.#tools = tools;
    this.#signal = signal;
  }

  /**
   * Writes the configuration.
   * @throws TestbedError ERR_TESTBED_PROVISION when this version lacks what the test bed needs.
   */
  async configure(): Promise<void> {
    const fragment = join(this.#output, "userpci.config");
    await mkdir(this.#output, { recursive: true });
    await writeFile(fragment, KERNEL_CONFIG);
    await this.#make("configuring the kernel", [`KCONFIG_ALLCONFIG=${fragment}`, "allnoconfig"]);
    const missing = missingOptions(await readFile(join(this.#output, ".config"), "utf8"));
    if (missing.length === 0) return;
    throw new TestbedError(
      "ERR_TESTBED_PROVISION",
      `this version of Linux cannot have ${missing.join(", ")}`,
    );
  }

  /**
   * Compiles image and modules, and tells each tenth of the way.
   * @throws TestbedError ERR_TESTBED_PROVISION with the compiler's last words; the signal's reason.
   */
  async compile(onProgress: OnProgress | undefined): Promise<void> {
    let lines = 0;
    const count = () => {
      lines += 1;
      const percent = (lines / EXPECTED_LINES) * 100;
      if (lines % (EXPECTED_LINES / 10) === 0 && percent < 100) onProgress?.(`compiling: ${percent} %`);
    };
    const jobs = `-j${availableParallelism()}`;
    await this.#make("compiling the kernel", [jobs, "bzImage", "modules"], count);
  }

  /** Puts image, configuration and modules into a directory, laid out as Debian's kernel packages are. Returns the kernel's release. */
  async install(root: string): Promise<string> {
    await this.#make("installing the kernel's modules", [`INSTALL_MOD_PATH=${root}`, "modules_install"]);
    const path = (name: string) => join(this.#output, name);
    const release = (await readFile(path("include/config/kernel.release"), "utf8")).trim();
    const { image, modules } = kernelAt(root, release);
    await mkdir(join(root, "boot"));
    await copyFile(path("arch/x86/boot/bzImage"), image);
    await copyFile(path(".config"), join(root, "boot", `config-${release}`));
    // A link to the source, which will be gone.
    await rm(join(modules, "build"), { force: true });
    return release;
  }

  #make(name: string, targets: readonly string[], onLine?: (line: string) => void): Promise<void> {
    const variables = [`O=${this.#output}`, ...this.#tools.makeVariables];
    return runJob([...GENTLY, "make", "-C", this.#source, ...variables, ...targets], {
      name,
      cwd: this.#source,
      env: { ...this.#tools.environment, KBUILD_BUILD_USER: "userpci", KBUILD_BUILD_HOST: "testbed" },
      ...(onLine ? { onLine } : {}),
      signal: this.#signal,
    });
  }
}
