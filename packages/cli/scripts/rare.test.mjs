import { expect, it } from "vitest";
import { loadRarePrinters } from "./rare.mjs";

const { transform } = loadRarePrinters("rare.cjs", "/code-cache.js");
const table = "/pci-config/dist/lspci/standard/printers.js";

const good = [
  'import { agpText } from "./agp.js";',
  'import { enhancedAllocationText } from "./enhanced-allocation.js";',
  'import { hyperTransportText } from "./hypertransport.js";',
  'import { msiText } from "./msi.js";',
  'import { pcixText, pcixBridgeText, } from "./pcix.js";',
];

/** @param {readonly string[]} lines */
const transformed = (lines) => transform(lines.join("\n"), table);

it("leaves the common imports, and has the rare ones loaded when they are called", () => {
  const code = transformed(good);
  expect(code).toContain('import { msiText } from "./msi.js";');
  expect(code).toContain("const pcixBridgeText = (capability) => rare().pcixBridgeText(capability);");
  expect(code).not.toMatch(/from "\.\/(agp|enhanced-allocation|hypertransport|pcix)\.js"/);
});

it.each([
  ["is not there", good.filter((line) => !line.includes("agp"))],
  ["is of another name", good.map((line) => line.replace("agp.js", "agp8x.js"))],
  ["goes over several lines", good.map((line) => line.replace("agpText }", "agpText,\n}"))],
])("refuses to go on where a rare import %s", (_what, lines) => {
  expect(() => transformed(lines)).toThrow("standard/printers.js: no line is a whole import of ./agp.js");
});

it("leaves other modules alone", () => {
  expect(transform(good.join("\n"), "/pci-config/dist/index.js")).toBeNull();
});
