// Printers of capabilities that few machines have, in a file of their own: it is loaded where there is one. V8 takes longer to
// compile them than to print a device.
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Tables of printers by id, and the modules in their folder that are rare. */
const tables = {
  "standard/printers.js": ["agp", "enhanced-allocation", "hypertransport", "pcix"],
  "extended/printers.js": [
    "device3",
    "flit-error-injection",
    "flit-logging",
    "ide",
    "multicast",
    "root-complex",
  ],
};

const entry = "\0rare printers";
const loader = "\0rare loader";

/** An import of printers, as `tsc` writes it. */
const imported = /^import \{ ([\w, ]+?),? \} from "\.\/([\w-]+)\.js";$/gm;

/**
 * The rare imports of a table of printers.
 * @param {string} table
 * @param {string} code
 * @throws {Error} for a module without an import that is found: it would stay with the others, and nobody would notice
 */
function rareImports(table, code) {
  const found = [...code.matchAll(imported)];
  return tables[/** @type {keyof typeof tables} */ (table)].flatMap((name) => {
    const imports = found.filter(([, , module]) => module === name);
    if (imports.length === 0) throw new Error(`${table}: no line is a whole import of ./${name}.js`);
    return imports;
  });
}

/**
 * The plugin for the file of rare printers: its entry.
 * @param {string} printers folder of the modules that print
 */
export function rarePrinters(printers) {
  const lines = Object.keys(tables).flatMap((table) => {
    const found = rareImports(table, readFileSync(join(printers, table), "utf8"));
    return found.map(([, names, module]) => {
      const path = join(printers, table, "..", `${module}.js`);
      return `export { ${names} } from ${JSON.stringify(path)};`;
    });
  });
  return {
    input: entry,
    plugin: {
      name: "rare printers",
      resolveId: (/** @type {string} */ source) => (source === entry ? entry : null),
      load: (/** @type {string} */ id) => (id === entry ? lines.join("\n") : null),
    },
  };
}

/**
 * The plugin for the file without them: where one is wanted, it loads the other.
 * @param {string} name of the other file, in the same folder
 * @param {string} codeCache path of the module that loads it
 */
export function loadRarePrinters(name, codeCache) {
  return {
    name: "rare loader",
    resolveId: (/** @type {string} */ source) => (source === loader ? loader : null),
    load(/** @type {string} */ id) {
      if (id !== loader) return null;
      return `import { loadCompiled } from ${JSON.stringify(codeCache)};
        let printers;
        export const rare = () => (printers ??= loadCompiled(__dirname + "/${name}", require));`;
    },
    transform(/** @type {string} */ code, /** @type {string} */ id) {
      const table = Object.keys(tables).find((path) => id.endsWith(`/lspci/${path}`));
      if (table === undefined) return null;
      const wrapped = rareImports(table, code).reduce(
        (changed, [line, names = ""]) =>
          changed.replace(
            line,
            names
              .split(", ")
              .map((name) => `const ${name} = (capability) => rare().${name}(capability);`)
              .join("\n"),
          ),
        code,
      );
      return `import { rare } from ${JSON.stringify(loader)};\n${wrapped}`;
    },
  };
}
