import { fileURLToPath } from "node:url";
import { createContext, Script } from "node:vm";
import { rolldown } from "rolldown";
import { expect, it } from "vitest";

const ENTRY = "\0page";
const page = `
  export { emulated } from "@userpci/device-model";
  export { edu } from "@userpci/edu/model";
`;

/** Drives a model as a page would, with nothing but the contract. Runs in the context: nothing from outside but its arguments. */
const drive = `async ({ emulated, edu }) => {
  const backend = emulated(edu());
  const device = await backend.open("edu");
  device.region(7).write16(4, 0b110);
  const bar = device.mapRegion(0);
  const target = device.createIrqTarget();
  device.setIrqs("msi", 0, [target]);
  const fired = new Promise((resolve) => target.listen(resolve));
  bar.write32(0x20, 0x80);
  bar.write32(0x08, 10);
  const events = await fired;
  bar.write32(0x64, bar.read32(0x24));
  bar.write32(0x08, 12);
  let looks = 0;
  while ((bar.read32(0x20) & 1) !== 0) looks++;
  const results = { events, factorial: bar.read32(0x08), polled: looks > 0 };
  await backend.close();
  return JSON.stringify(results);
}`;

/** What every browser has of it, beside the language. */
const { setTimeout, clearTimeout, setInterval, clearInterval, performance, structuredClone, MessageChannel } =
  globalThis;
const globals = {
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  performance,
  structuredClone,
  MessageChannel,
};

it("models run in a page: one script without anything of Node", async () => {
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
  const { output } = await build.generate({ format: "iife", name: "models" });
  await build.close();
  const [{ code, moduleIds, imports }] = output;
  expect(imports).toEqual([]);
  const packages = moduleIds.flatMap((id) => /packages\/([^/]+)\/dist\//.exec(id)?.[1] ?? []);
  expect([...new Set(packages)].sort()).toEqual(["device-model", "edu", "interface", "iommu", "pci-config"]);

  const context = createContext({ ...globals });
  new Script(`${code}\nglobalThis.models = models;`).runInContext(context);
  expect(new Script("typeof process + typeof Buffer + typeof setImmediate").runInContext(context)).toBe(
    "undefined".repeat(3),
  );
  const run = new Script(`(${drive})`).runInContext(context) as (models: unknown) => Promise<string>;
  expect(JSON.parse(await run(context["models"]))).toEqual({
    events: 1,
    factorial: 479_001_600,
    polled: true,
  });
});
