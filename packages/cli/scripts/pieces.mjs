// What bundles import when it is needed - commands, above all - in modules that hold what tens of compiled ones do, and share
// what they have in common. Node takes longer to find and link a hundred modules than most commands take to work.
import { readFileSync, rmSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

/** How a module knows its own place. */
const place = "import.meta.url";

/** @param {string} folder of a package */
const manifest = (folder) => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

/** Pieces, by the modules that bundles import. */
export class Pieces {
  #dist;
  #folder;
  /** @type {Record<string, string>} */
  #inputs = {};

  /** @param {string} dist folder of the compiled modules and of the bundles */
  constructor(dist) {
    this.#dist = dist;
    this.#folder = join(dist, "pieces");
  }

  /**
   * What a bundle imports in place of a module.
   * @param {string} source as it is imported
   * @param {string} importer path of the compiled module that imports it
   * @throws {Error} for two modules that would be one file
   */
  specifier(source, importer) {
    if (source.startsWith("node:")) return source;
    const own = source.startsWith(".");
    const path = own ? join(dirname(importer), source) : fileURLToPath(import.meta.resolve(source));
    const whole = own ? relative(this.#dist, path).replace(/\.js$/, "") : source.replace(/^@/, "");
    const name = whole.replaceAll("/", "-");
    this.#inputs[name] ??= path;
    if (this.#inputs[name] !== path) throw new Error(`${path} and ${this.#inputs[name]} are both ${name}`);
    return `./pieces/${name}.js`;
  }

  /** Writes those that were imported. */
  async write() {
    rmSync(this.#folder, { recursive: true, force: true });
    const plugins = [
      {
        name: "places",
        transform: (/** @type {string} */ code, /** @type {string} */ id) => this.#place(code, id),
      },
    ];
    const pieces = await rolldown({ input: this.#inputs, platform: "node", tsconfig: false, plugins });
    // Names stay: those of classes are in messages.
    const minify = { compress: true, mangle: false };
    await pieces.write({ dir: this.#folder, format: "esm", comments: false, minify });
  }

  /**
   * The code of a module that finds files by its own place, such as an addon, with that place.
   * @param {string} code
   * @param {string} id path of the module
   * @throws {Error} for a module of another package whose place no import leads to
   */
  #place(code, id) {
    if (!code.includes(place) || id.startsWith("\0")) return null;
    const own = relative(this.#dist, id);
    if (!own.startsWith("..")) {
      return code.replaceAll(place, `new URL(${JSON.stringify(`../${own}`)}, ${place}).href`);
    }
    const folder = dirname(id);
    if (basename(folder) !== "dist")
      throw new Error(`${id} finds files by its place, below that of its package`);
    const { name } = manifest(join(folder, ".."));
    if (manifest(join(this.#dist, "..")).dependencies[name] !== "workspace:*") {
      throw new Error(`${id} finds files of ${name}, of which any other version may be installed`);
    }
    return code.replaceAll(place, `import.meta.resolve(${JSON.stringify(name)})`);
  }
}
