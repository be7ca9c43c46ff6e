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
 * Puts the tests into bundles for the guest, with the packages that they use. On an emulated processor Node takes four
 * seconds to find and link a hundred and more modules, and less than one to load the same code from a few files.
 *
 * @returns removes them; otherwise they go with this process
 */
export async function bundleGuestCode(): Promise<() => void> {
  const folder = await mkdtemp(join(tmpdir(), "userpci-guest-code-"));
  const remove = removedAtEnd(folder);
  // The ordinary user of the guest reads it too.
  await chmod(folder, 0o755);
  const build = await rolldown({
    input: await entries(),
    platform: "node",
    tsconfig: false,
    transform: { target: "node20" },
    external: [HOST_PACKAGES, HOST_FILES],
    plugins: [{ name: "places", transform: (code, id) => inPlace(code, id, folder) }],
  });
  const written = build.write({
    dir: folder,
    format: "esm",
    sourcemap: true,
    entryFileNames: "[name].js",
    chunkFileNames: "shared/[name].js",
    codeSplitting: { groups: [{ name: "packages", test: /\/packages\/(?!cli|testbed|conformance)/ }] },
  });
  await written.catch((error: Error) => {
    // Vite cannot show rolldown's own error.
    throw new Error(`the tests cannot be bundled for the guest: ${error.message}`);
  });
  await build.close();
  process.env[VARIABLE] = folder;
  return remove;
}

/** A file below `tests` as the guest has it. */
export function compiled(path: string): string {
  return join(process.env[VARIABLE]!, bundleName(path));
}

const bundleName = (path: string): string => relative(TESTS, path).replace(/\.ts$/, ".js");

/** Each file by its name without `.js`: that of its bundle. */
async function entries(): Promise<Record<string, string>> {
  const found = await Promise.all(FOLDERS.map((name) => filesIn(join(TESTS, name))));
  return Object.fromEntries(found.flat().map((path) => [bundleName(path).slice(0, -".js".length), path]));
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
