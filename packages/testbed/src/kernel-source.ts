import { rm } from "node:fs/promises";
import { join } from "node:path";
import { PrivateApt, type Release, unpackDeb } from "./apt.ts";
import { TestbedError } from "./error.ts";
import { runJob } from "./job.ts";
import { compareVersions } from "./recipe.ts";

/** Where a kernel's source is looked for, the newest first. What the machine's compiler cannot compile is followed by an older one. */
export const SOURCE_RELEASES: readonly Release[] = [
  { suites: ["trixie-backports"] },
  { suites: ["bookworm-backports"] },
  { suites: ["trixie"] },
];

const PREFIX = "linux-source-";

/** Folders of which only the makefiles and Kconfig files are unpacked: two thirds of the source, for hardware that no configuration here has. */
const UNUSED_FOLDERS: readonly string[] = [
  "arch/{alpha,arc,arm,arm64,csky,hexagon,loongarch,m68k,microblaze,mips,nios2,openrisc,parisc,powerpc,riscv,s390,sh,sparc,um,xtensa}",
  "drivers/{accel,clk,gpu,iio,infiniband,media,net/wireless,pinctrl,scsi,staging}",
  "fs/{btrfs,xfs}",
  "tools/{perf,testing}",
  "sound",
  "Documentation",
].flatMap(alternatives);
const UNUSED_FILES: readonly string[] = [".[chSst]", ".dts*", ".json", ".yaml", ".rst"];

/** `a/{b,c}` as `a/b` and `a/c`. */
function alternatives(path: string): string[] {
  const [, parent, names] = /^(.*)\{(.*)\}$/.exec(path) ?? [];
  return names === undefined ? [path] : names.split(",").map((name) => `${parent}${name}`);
}

/** The newest kernel source among package names. */
export function newestSource(names: readonly string[]): string | undefined {
  return names
    .filter((name) => /^linux-source-\d+\.\d+$/.test(name))
    .sort((a, b) => compareVersions(b.slice(PREFIX.length), a.slice(PREFIX.length)))[0];
}

/** A kernel's source package in the archive. */
export class KernelSource {
  /** Debian's version of it, such as `7.2.12-1~bpo13+1`. */
  readonly version: string;
  readonly #apt: PrivateApt;
  readonly #directory: string;
  readonly #name: string;

  private constructor(apt: PrivateApt, directory: string, name: string, version: string) {
    this.#apt = apt;
    this.#directory = directory;
    this.#name = name;
    this.version = version;
  }

  /**
   * The newest source of a release. Nothing of it is downloaded yet.
   * @throws TestbedError ERR_TESTBED_PROVISION when the archive cannot be read or has none.
   */
  static async find(release: Release, directory: string): Promise<KernelSource> {
    const apt = await PrivateApt.open(join(directory, "apt"), release);
    const name = newestSource(await apt.packageNames(PREFIX));
    const version = name && (await apt.candidate(name));
    if (name && version) return new KernelSource(apt, directory, name, version);
    throw new TestbedError("ERR_TESTBED_PROVISION", `${release.suites[0]} has no package ${PREFIX}*`);
  }

  /** Downloads the package (about 160 MB). Returns the .deb file. */
  async download(): Promise<string> {
    return (await this.#apt.downloadAlone([this.#name]))[0]!;
  }

  /** Unpacks what a configuration for this machine can use (about 0.6 GB). Returns the source's directory. */
  async unpack(
    deb: string,
    environment: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<string> {
    await unpackDeb(deb, join(this.#directory, "package"));
    const archive = join(this.#directory, "package/usr/src", `${this.#name}.tar.xz`);
    const unused = UNUSED_FOLDERS.flatMap((folder) =>
      UNUSED_FILES.map((suffix) => `--exclude=${this.#name}/${folder}/*${suffix}`),
    );
    await runJob(["tar", "-xJf", archive, ...unused], {
      name: `unpacking ${this.#name}`,
      cwd: this.#directory,
      env: environment,
      signal,
    });
    await rm(join(this.#directory, "package"), { recursive: true });
    return join(this.#directory, this.#name);
  }
}
