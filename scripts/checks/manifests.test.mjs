import { rmSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { checkManifests } from "./manifests.mjs";
import { packageFiles, repository } from "./testing.mjs";

/** @type {string[]} */
const folders = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** @param {Record<string, unknown>[]} files */
function problems(...files) {
  const top = repository(Object.assign({}, ...files));
  folders.push(top);
  return checkManifests(top);
}

/** @param {object} manifest */
const iommu = (manifest) => packageFiles("iommu", "export {};\n", { manifest });

describe("checkManifests", () => {
  it("says nothing about a package that is in order", () => {
    expect(problems(iommu({}), packageFiles("userpci", "export {};\n"))).toEqual([]);
  });

  it.each([
    [{ os: ["linux"] }, "packages/iommu: os must not be set"],
    [
      { scripts: { install: "node-gyp rebuild" } },
      "packages/iommu: script install would run on the user's machine",
    ],
    [{ license: "MIT" }, 'packages/iommu: license is "MIT", not "MIT OR Apache-2.0"'],
    [{ name: "@userpci/mmu" }, "packages/iommu: name is @userpci/mmu, the folder says @userpci/iommu"],
    [{ files: ["src"] }, "packages/iommu: files does not name dist"],
    [{ private: true }, "packages/iommu: private: a package under packages/ is published"],
  ])("refuses %j", (manifest, problem) => {
    expect(problems(iommu(manifest))).toContain(problem);
  });

  it("refuses an export map that hides types or package.json", () => {
    const exports = { ".": { default: "./dist/index.js", types: "./dist/index.d.ts" } };
    expect(problems(iommu({ exports }))).toEqual([
      'packages/iommu: exports has no "./package.json"',
      'packages/iommu: exports["."] is not { types, default } in dist, in this order',
    ]);
  });

  it("refuses a range between our packages that a release would not follow", () => {
    const dma = packageFiles("dma", "export {};\n", {
      manifest: { dependencies: { "@userpci/iommu": "^0.1.0" } },
    });
    expect(problems(iommu({}), dma)).toEqual(["@userpci/dma: @userpci/iommu is ^0.1.0, not workspace:^"]);
  });

  it("refuses any other version of a package whose files the command's bundles find", () => {
    const cli = packageFiles("cli", "export {};\n", { dependencies: ["userpci", "@userpci/iommu"] });
    expect(problems(iommu({}), packageFiles("userpci", "export {};\n"), cli)).toEqual([
      "@userpci/cli: userpci is workspace:^, not workspace:*",
    ]);
  });

  it("refuses two ranges of one dependency", () => {
    const dma = packageFiles("dma", "export {};\n", { manifest: { devDependencies: { vitest: "^3.0.0" } } });
    expect(problems(iommu({ devDependencies: { vitest: "catalog:" } }), dma)).toEqual([
      "vitest has several ranges (^3.0.0 in @userpci/dma; catalog: in @userpci/iommu): name it once in the catalog",
    ]);
  });

  it("refuses a README whose code comes late", () => {
    const readme = {
      "packages/iommu/README.md": `# @userpci/iommu\n${"\nwords".repeat(20)}\n\`\`\`ts\n\`\`\`\n`,
    };
    expect(problems(iommu({}), readme)).toEqual(["packages/iommu: README.md shows no code by line 20"]);
  });
});
