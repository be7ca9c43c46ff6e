// A small repository on disk for the tests of the checks.
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/**
 * Writes files below a new folder; what is not a string is written as JSON.
 * @param {Record<string, unknown>} files by path
 * @returns {string} the folder
 */
export function repository(files) {
  const top = mkdtempSync(join(tmpdir(), "userpci-check-"));
  for (const [path, content] of Object.entries({ "package.json": { name: "root" }, ...files })) {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    writeFileSync(join(top, path), typeof content === "string" ? content : JSON.stringify(content));
  }
  return top;
}

/** A manifest with nothing wrong. */
export const goodManifest = {
  version: "0.1.0",
  description: "What this package does, in one sentence",
  license: "MIT OR Apache-2.0",
  type: "module",
  sideEffects: false,
  engines: { node: ">=20.19.0" },
  exports: {
    ".": { types: "./dist/index.d.ts", default: "./dist/index.js" },
    "./package.json": "./package.json",
  },
  files: ["dist"],
  publishConfig: { access: "public" },
};

/**
 * The files of one package.
 * @param {string} short
 * @param {string} source what src/index.ts holds
 * @param {{ dependencies?: string[], devDependencies?: string[], references?: string[], manifest?: object }} [options]
 * @returns {Record<string, unknown>}
 */
export function packageFiles(short, source, options = {}) {
  const { dependencies = [], devDependencies = [], references = [], manifest = {} } = options;
  const ranges = (/** @type {string[]} */ names) =>
    Object.fromEntries(names.map((name) => [name, name.includes("userpci") ? "workspace:^" : "^1.0.0"]));
  return {
    [`packages/${short}/package.json`]: {
      name: short === "userpci" ? short : `@userpci/${short}`,
      ...goodManifest,
      dependencies: ranges(dependencies),
      devDependencies: ranges(devDependencies),
      ...manifest,
    },
    [`packages/${short}/tsconfig.json`]: {
      include: ["src"],
      exclude: ["src/**/*.test.ts"],
      references: references.map((name) => ({ path: `../${name}` })),
    },
    [`packages/${short}/README.md`]: `# ${short === "userpci" ? short : `@userpci/${short}`}\n\n\`\`\`ts\n\`\`\`\n`,
    [`packages/${short}/src/index.ts`]: source,
  };
}
