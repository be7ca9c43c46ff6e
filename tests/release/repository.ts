import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const exec = promisify(execFile);

/** The repository's top folder. */
export const repository = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** A package as it would be published. */
export interface Tarball {
  /** The package's name. */
  readonly name: string;
  /** Absolute path of the file. */
  readonly filename: string;
  /** What is in it. */
  readonly files: readonly { readonly path: string }[];
}

/** Packs every public package, as publishing would, into a folder. */
export async function packAll(destination: string): Promise<Tarball[]> {
  const { stdout } = await run(
    "pnpm",
    ["--recursive", "--filter", "./packages/*", "pack", "--json", "--pack-destination", destination],
    { cwd: repository },
  );
  return JSON.parse(stdout) as Tarball[];
}

/** How {@link run} runs a command. */
export interface RunOptions {
  /** Working directory. */
  readonly cwd: string;
  /** The whole environment; default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Runs a command to its end.
 *
 * @throws Error with everything it printed, unless it ends with status 0
 */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<{ stdout: string; stderr: string }> {
  try {
    return await exec(command, args, { ...options, maxBuffer: 2 ** 26 });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${[command, ...args].join(" ")}\n${stdout}\n${stderr}`, { cause: error });
  }
}
