import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, readdir } from "node:fs/promises";
import { SourceMap } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { removedAtEnd } from "@userpci/testbed/vitest";
import { rolldown } from "rolldown";

/** Where the tests are that run in the guest, and the programs that they start there. */
const TESTS = fileURLToPath(new URL("../..", import.meta.url));
const FOLDERS = ["vm", "soak"];

/** What only the host loads: packages, and files of the tests. */
const HOST_PACKAGES = /^(vitest|@userpci\/testbed)/;
const HOST_FILES = /\/(guest-code|host|host\/[^/]+|report|setup)\.ts$/;

/** Tells test processes where the bundles are. Processes inherit it. */
const VARIABLE = "USERPCI_TESTS_GUEST_CODE";

/**
 * Puts each test into a bundle for the guest, with what it uses of the packages. On an emulated processor Node takes four
 * seconds to find and link a hundred and more modules, one to load all packages from a file, and half of one to load a bundle.
 *
 * @returns removes them; otherwise they go with this process
 */
export async function bundleGuestCode(): Promise<() => void> {
  const folder = await mkdtemp(join(tmpdir(), "userpci-guest-code-"));
  const remove = removedAtEnd(folder);
  // The ordinary user of the guest reads it too.
  await chmod(folder, 0o755);
  const made = await Promise.allSettled((await entries()).map((path) => bundle(path, folder)));
  for (const one of made) if (one.status === "rejected") throw one.reason;
  process.env[VARIABLE] = folder;
  return remove;
}

/** A file below `tests` as the guest has it. */
export function compiled(path: string): string {
  return join(process.env[VARIABLE]!, bundleName(path));
}

const bundleName = (path: string): string => relative(TESTS, path).replace(/\.ts$/, ".js");

async function bundle(path: string, folder: string): Promise<void> {
  const build = await rolldown({
    input: path,
    platform: "node",
    tsconfig: false,
    transform: { target: "node20" },
    external: [HOST_PACKAGES, HOST_FILES],
    plugins: [{ name: "places", transform: (code, id) => inPlace(code, id, folder) }],
  });
  const file = join(folder, bundleName(path));
  const minify = { compress: true, mangle: false } as const;
  const written = build.write({ file, format: "esm", sourcemap: true, codeSplitting: false, minify });
  await written.catch((error: Error) => {
    // Vite cannot show rolldown's own error.
    throw new Error(`${path} cannot be bundled for the guest: ${error.message}`);
  });
  await build.close();
}

async function entries(): Promise<readonly string[]> {
  return (await Promise.all(FOLDERS.map((name) => filesIn(join(TESTS, name))))).flat();
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true });
  return names
    .map((name) => join(folder, name))
    .filter((path) => path.endsWith(".ts") && !HOST_FILES.test(path));
}

/** What finds files beside itself finds those of a package in their place, and those of the tests in the bundles. */
function inPlace(code: string, id: string, folder: string): { code: string; map: null } | undefined {
  if (!code.includes("import.meta.url")) return undefined;
  const place = id.startsWith(TESTS) ? join(folder, bundleName(id)) : id;
  return { code: code.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(place).href)), map: null };
}

/** A stack trace of the guest, with the places in the sources instead of those in the bundles. */
export function inSources(stack: string): string {
  return stack.replace(
    /(?:file:\/\/)?([^\s()]+\.js):(\d+):(\d+)/g,
    (place, file: string, line: string, column: string) => {
      const map = `${file}.map`;
      if (!file.startsWith(process.env[VARIABLE]!) || !existsSync(map)) return place;
      const entry = new SourceMap(JSON.parse(readFileSync(map, "utf8"))).findEntry(
        Number(line) - 1,
        Number(column) - 1,
      );
      if (!("originalSource" in entry)) return place;
      return `${resolve(dirname(file), entry.originalSource)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    },
  );
}
