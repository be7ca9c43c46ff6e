import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createContext, Script } from "node:vm";
import { rolldown } from "rolldown";
import { beforeAll, describe, expect, it } from "vitest";
import { lengthen } from "../lspci/sparse.mjs";

const corpus = new URL("../lspci/corpus/", import.meta.url);
const page = `
  import * as core from "@userpci/pci-config";
  import * as builder from "@userpci/pci-config/builder";
  import * as classes from "@userpci/pci-config/classes";
  import * as ids from "@userpci/pci-config/ids";
  import * as lspci from "@userpci/pci-config/lspci";
  import * as setpci from "@userpci/pci-config/setpci";
  import * as virtual from "@userpci/pci-config/virtual";
  export { core, builder, classes, ids, lspci, setpci, virtual };
`;
const ENTRY = "\0page";

/** What a page makes of a dump. Runs in the bare context: nothing from outside but its arguments. */
const decode = `(pci, dump) => {
  const { core, builder, classes, lspci, setpci, virtual } = pci;
  const functions = lspci.parseDump(dump);
  const options = { verbosity: 3, idStyle: "number", ids: lspci.PciIds.parse(""), machine: 0, hexLevel: 0, showDomains: false, showKernel: false, busCentric: false, pathLevel: 0 };
  const described = functions.map(({ bytes }) => core.toJSON(core.fromBytes(bytes)));
  const text = lspci.listText(functions.map(({ bytes, ...address }) => ({ address, bytes })), options);
  const explained = new virtual.VirtualConfigSpace(virtual.linux, { region: core.bytesRegion(functions.find(({ bytes }) => bytes[14] === 0).bytes) }).explain(4, 0xffff);
  const built = core.describe(core.fromBytes(builder.buildSpace({ vendorId: 0x1234, deviceId: 0x11e8, capabilities: [{ name: "msi" }] })));
  const target = setpci.resolveOperation(core.fromBytes(functions[0].bytes), setpci.parseOperation("COMMAND.w"));
  return JSON.stringify({ described, text, explained, built, target, name: classes.className(0x02) });
}`;

interface Bundle {
  readonly code: string;
  readonly modules: readonly string[];
  readonly imports: readonly string[];
}

/** The whole package as one script for a page. */
async function bundle(): Promise<Bundle> {
  const build = await rolldown({
    input: ENTRY,
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    platform: "browser",
    logLevel: "silent",
    plugins: [
      {
        name: "page",
        resolveId: (source) =>
          source === ENTRY ? ENTRY : source.startsWith("node:") ? { id: source, external: true } : null,
        load: (id) => (id === ENTRY ? page : null),
      },
    ],
  });
  const { output } = await build.generate({ format: "iife", name: "pci" });
  await build.close();
  const [{ code, moduleIds, imports }] = output;
  return { code, modules: moduleIds, imports };
}

/** The same modules here. */
const modules = {
  core: await import("@userpci/pci-config"),
  builder: await import("@userpci/pci-config/builder"),
  classes: await import("@userpci/pci-config/classes"),
  lspci: await import("@userpci/pci-config/lspci"),
  setpci: await import("@userpci/pci-config/setpci"),
  virtual: await import("@userpci/pci-config/virtual"),
};

describe("as one script in a context that has nothing of Node", () => {
  let made: Bundle;
  beforeAll(async () => {
    made = await bundle();
  });

  it("needs nothing but @userpci/interface, and nothing of Node", () => {
    expect(made.imports).toEqual([]);
    const packages = new Set(
      made.modules
        .map((id) => /packages\/([^/]+)\/dist\//.exec(id)?.[1] ?? id)
        .filter((id) => id !== ENTRY && !id.includes("rolldown")),
    );
    expect([...packages].sort()).toEqual(["interface", "pci-config"]);
  });

  it.each(readdirSync(corpus))(
    "decodes %s in a context that has no process, Buffer, require or URL",
    (name) => {
      const context = createContext(Object.create(null));
      new Script(`${made.code}\nglobalThis.pci = pci;`).runInContext(context);
      expect(
        new Script("typeof process + typeof Buffer + typeof require + typeof URL").runInContext(context),
      ).toBe("undefined".repeat(4));
      const dump = lengthen(readFileSync(new URL(name, corpus), "utf8"));
      const run = new Script(`(${decode})`).runInContext(context) as (pci: unknown, dump: string) => string;
      const inPage = run(context["pci"], dump);
      const here = (new Script(`(${decode})`).runInThisContext() as typeof run)(modules, dump);
      expect(JSON.parse(inPage)).toEqual(JSON.parse(here));
      expect(JSON.parse(inPage).described.length).toBeGreaterThan(3);
    },
  );
});
