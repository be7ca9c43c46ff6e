import type { OnProgress } from "./progress.ts";
import type { Command } from "./tool.ts";
import { type NewerPackage, unpacked } from "./unpacked.ts";

const releases: NewerPackage["releases"] = [{ suites: ["trixie"] }, { suites: ["sid"] }];

/** A program that can be fetched. */
export type ProgramName = "zsh" | "fish" | "mandoc";

/** Programs of Debian that tests run in place of the machine's own, and where each is in its package. */
const PROGRAMS: Readonly<Record<ProgramName, { readonly path: string; readonly about: string }>> = {
  zsh: { path: "usr/bin/zsh", about: "9 MB" },
  fish: { path: "usr/bin/fish", about: "12 MB" },
  mandoc: { path: "usr/bin/mandoc", about: "4 MB" },
};

/** A program, runnable where it was unpacked. */
export interface Program {
  /** Debian's version of its package. */
  readonly version: string;
  readonly command: Command;
  /** Directory that the package was unpacked into: the program's data are below, at `usr/share` for example. */
  readonly root: string;
}

/**
 * Fetches a program of Debian into the test bed's cache, with the C library that it needs. The machine's own is neither used nor
 * changed. A later call finds it there without network.
 * @throws TestbedError ERR_TESTBED_PLATFORM on another machine than x86-64 Linux or without apt, ERR_TESTBED_PROVISION when fetching failed.
 */
export async function provisionProgram(name: ProgramName, onProgress?: OnProgress): Promise<Program> {
  const { path, about } = PROGRAMS[name];
  const { version, toolbox } = await unpacked({ name, package: name, releases, about }, onProgress);
  return { version, command: toolbox.commandAs(name, path), root: toolbox.root };
}
