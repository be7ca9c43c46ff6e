import { existsSync } from "node:fs";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TestbedError } from "./error.ts";
import { type Command, runTool } from "./tool.ts";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const SYSTEM_PARTS = "/etc/apt/apt.conf.d";
const HINT =
  "the packages come over the network with this machine's apt settings: check that `apt-get update` works, " +
  "or name another mirror in USERPCI_DEBIAN_MIRROR";

/** A release of Debian with the suites to take packages from, the preferred suite first. */
export interface Release {
  readonly suites: readonly [string, ...string[]];
}

/**
 * A private apt: the machine's settings (proxy, credentials) with sources, state and cache of its own. Nothing of the system changes, and
 * no privilege is needed.
 */
export class PrivateApt {
  readonly #directory: string;
  readonly #options: readonly string[];
  readonly #suite: string;

  private constructor(directory: string, suite: string) {
    this.#directory = directory;
    this.#suite = suite;
    const at = (path: string) => join(directory, path);
    const settings: Record<string, string> = {
      "Dir::Etc::sourcelist": at("sources.list"),
      "Dir::Etc::sourceparts": "-",
      "Dir::Etc::preferences": "/dev/null",
      "Dir::Etc::preferencesparts": at("none"),
      "Dir::State": at("state"),
      "Dir::State::status": at("state/status"),
      "Dir::Cache": at("cache"),
      "Dir::Log": at("log"),
      "Acquire::Languages": "none",
      "APT::Get::Assume-Yes": "true",
      "APT::Install-Recommends": "false",
      "APT::Architecture": "amd64",
      // Root's cache is closed to the _apt user; without this apt says so on every call and goes on as root anyhow.
      ...(process.getuid?.() === 0 ? { "APT::Sandbox::User": "root" } : {}),
    };
    this.#options = Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  }

  /**
   * Prepares the directory and fetches the package lists.
   * @throws TestbedError ERR_TESTBED_PROVISION when a list cannot be fetched.
   */
  static async open(directory: string, release: Release): Promise<PrivateApt> {
    for (const path of ["state/lists/partial", "cache/archives/partial", "log", "parts", "debs"]) {
      await mkdir(join(directory, path), { recursive: true });
    }
    await writeFile(join(directory, "state/status"), "");
    await writeHooklessSettings(directory);
    const apt = new PrivateApt(directory, release.suites[0]);
    const keyring = existsSync(KEYRING) ? KEYRING : await apt.#fetchKeyring();
    const mirror = await debianMirror();
    const lines = release.suites.map(
      (suite) => `deb [arch=amd64 signed-by=${keyring}] ${mirror} ${suite} main\n`,
    );
    await writeFile(join(directory, "sources.list"), lines.join(""));
    await apt.#run("apt-get", ["update", "--error-on=any"]);
    return apt;
  }

  /** Names of all packages that start with `prefix`. */
  async packageNames(prefix: string): Promise<string[]> {
    return (await this.#run("apt-cache", ["pkgnames", prefix])).split("\n").filter(Boolean);
  }

  /** The version that would be fetched. */
  async candidate(name: string): Promise<string | undefined> {
    const text = await this.#run("apt-cache", ["show", "--no-all-versions", `${name}/${this.#suite}`]);
    return /^Version: (.*)$/m.exec(text)?.[1];
  }

  /** Downloads packages with everything they depend on, as for an empty system. Returns the .deb files. */
  async downloadClosure(names: readonly string[]): Promise<string[]> {
    await this.#run("apt-get", ["install", "--download-only", "-t", this.#suite, ...names]);
    return this.#debs("cache/archives");
  }

  /** Downloads packages without their dependencies. Returns the .deb files. */
  async downloadAlone(names: readonly string[]): Promise<string[]> {
    const words = names.map((name) => `${name}/${this.#suite}`);
    await this.#run("apt-get", ["download", ...words], join(this.#directory, "debs"));
    return this.#debs("debs");
  }

  async #debs(folder: string): Promise<string[]> {
    const names = (await readdir(join(this.#directory, folder))).filter((name) => name.endsWith(".deb"));
    return names.sort().map((name) => join(this.#directory, folder, name));
  }

  /** Debian's keyring from the machine's own archive: Ubuntu and its relatives carry it as a package. */
  async #fetchKeyring(): Promise<string> {
    const cwd = join(this.#directory, "debs");
    await runTool(["apt-get"], ["download", "debian-archive-keyring"], {
      code: "ERR_TESTBED_PROVISION",
      hint: "Debian's signing keys are needed: apt-get install debian-archive-keyring",
      cwd,
    });
    for (const deb of await this.#debs("debs")) await unpackDeb(deb, join(this.#directory, "keyring"));
    return join(this.#directory, "keyring", KEYRING);
  }

  #run(program: string, args: readonly string[], cwd?: string): Promise<string> {
    return runTool([program, ...this.#options] as Command, args, {
      code: "ERR_TESTBED_PROVISION",
      name: `${program} ${args.join(" ")}`,
      hint: HINT,
      ...(cwd ? { cwd } : {}),
      env: { APT_CONFIG: join(this.#directory, "apt.conf"), DEBIAN_FRONTEND: "noninteractive" },
    });
  }
}

/** The system's apt settings, minus the hooks that would run after an update: they are about the system's cache, not ours. */
async function writeHooklessSettings(directory: string): Promise<void> {
  const parts = join(directory, "parts");
  const names = existsSync(SYSTEM_PARTS) ? await readdir(SYSTEM_PARTS) : [];
  for (const name of names) await symlink(join(SYSTEM_PARTS, name), join(parts, name));
  const hooks = ["APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success"];
  await writeFile(join(parts, "zz-userpci"), hooks.map((hook) => `#clear ${hook};\n`).join(""));
  await writeFile(join(directory, "apt.conf"), `Dir::Etc::parts "${parts}";\n`);
}

/**
 * The Debian mirror that the machine already uses, so that proxies and local mirrors keep working.
 * @throws TestbedError ERR_TESTBED_PROVISION when it uses none and `USERPCI_DEBIAN_MIRROR` names none.
 */
async function debianMirror(): Promise<string> {
  const named = process.env["USERPCI_DEBIAN_MIRROR"];
  if (named) return named;
  const args = ["indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"];
  const text = await runTool(["apt-get"], args, { code: "ERR_TESTBED_PROVISION", hint: HINT });
  const mirror = pickMirror(text);
  if (mirror !== undefined) return mirror;
  throw new TestbedError("ERR_TESTBED_PROVISION", "this machine's apt names no Debian mirror", {
    hint: "set USERPCI_DEBIAN_MIRROR to one, as on Ubuntu: the kernel and QEMU are Debian's packages",
  });
}

/** The archive (not the security archive) of Debian among lines of `URI release`. */
export function pickMirror(targets: string): string | undefined {
  for (const line of targets.split("\n")) {
    const [uri, release] = line.split(" ");
    if (uri && release && /\/debian\/?$/.test(uri) && !/security/.test(release))
      return uri.replace(/\/$/, "");
  }
  return undefined;
}

/** Unpacks a .deb into a directory, without installing it. */
export async function unpackDeb(deb: string, into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  await runTool(["dpkg-deb"], ["-x", deb, into], { code: "ERR_TESTBED_PROVISION" });
}
