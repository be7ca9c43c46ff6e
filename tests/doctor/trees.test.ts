import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Diagnosis, diagnose } from "@userpci/sysfs/doctor";
import { openSnapshot, writeSnapshot } from "@userpci/sysfs/snapshot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DoctorCase } from "./cases.ts";
import { treeCases } from "./tree-cases.ts";
import { differences, writeTree } from "./trees.ts";

type Name = keyof typeof treeCases;
const cases = Object.entries(treeCases) as [Name, DoctorCase][];

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "userpci-doctor-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function diagnoseTree(name: Name, address: string | undefined): Promise<Diagnosis> {
  const root = mkdtempSync(join(folder, `${name}-`));
  writeTree(root, differences[name]);
  return diagnose({ root, ...(address !== undefined && { address }) });
}

describe("the first diagnosis", () => {
  it.each(cases)("%s", async (name, { words: [address], first, says, fix }) => {
    const diagnosis = await diagnoseTree(name, address);
    expect(diagnosis.first?.check ?? null, JSON.stringify(diagnosis.first)).toBe(first);
    expect(diagnosis.healthy).toBe(first === null);
    expect(diagnosis.first?.says ?? "").toContain(says);
    expect(diagnosis.first?.fix.join("\n") ?? "").toContain(fix);
    for (const { evidence, status } of diagnosis.findings) {
      if (status === "problem" && first !== null)
        expect(evidence.every(({ path }) => path.startsWith("/"))).toBe(true);
    }
  });
});

it.each(cases)("of a snapshot is that of the machine: %s", async (name, { words: [address] }) => {
  const root = mkdtempSync(join(folder, `${name}-`));
  writeTree(root, differences[name]);
  const path = `${root}.tar`;
  await writeSnapshot(path, { root });
  using copy = openSnapshot(path);
  const asked = address === undefined ? {} : { address };
  const [machine, snapshot] = await Promise.all(
    [root, copy.root].map(async (each) => (await diagnose({ root: each, ...asked })).first),
  );
  // Names of users stay on the machine.
  const words = JSON.stringify([machine?.check, machine?.says, machine?.fix]);
  expect(JSON.stringify([snapshot?.check, snapshot?.says, snapshot?.fix])).toBe(
    words.replace(/\balice\b( \(uid 4242\))?/g, (_, uid) => (uid === undefined ? "4242" : "uid 4242")),
  );
});

it("names the cause of each consequence, and never a consequence as the cause", async () => {
  const { findings } = await diagnoseTree("noDmar", "0000:01:00.0");
  const consequences = findings.filter(({ because }) => because !== null);
  expect(consequences.map(({ check }) => check)).toEqual(
    expect.arrayContaining(["iommu", "groups", "interrupt-remapping", "group"]),
  );
  for (const { because } of consequences) {
    const cause = findings.find(({ check }) => check === because)!;
    expect([cause.status, cause.because]).toEqual(["problem", null]);
  }
});
