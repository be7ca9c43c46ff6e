import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PciAddress } from "../address.ts";
import type { Permission } from "./permission.ts";
import { permissionRule, readPermissions } from "./permission-rule.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-rule-"));
  mkdirSync(join(root, "etc/udev/rules.d"), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true }));

const place = () => join(root, "etc/udev/rules.d/60-userpci-permit-0000-01-00.0.rules");

const permissions: fc.Arbitrary<Permission> = fc.record({
  address: fc
    .tuple(fc.nat(0xffff), fc.nat(255), fc.nat(31), fc.nat(7))
    .map(([domain, bus, device, fn]) =>
      PciAddress.parse(`${hex(domain, 4)}:${hex(bus, 2)}:${hex(device, 2)}.${fn}`).toString(),
    ),
  vendor: fc.nat(0xffff),
  device: fc.nat(0xffff),
  grantee: fc.record({
    kind: fc.constantFrom("user" as const, "group" as const),
    id: fc.nat(0xffff_fffe),
    // Whatever an entry of /etc/passwd may have for a name.
    name: fc.string({ unit: "binary" }),
  }),
  memlock: fc.constant("unlimited" as const),
  service: fc.constant(null),
  nodes: fc.constant([]),
});

/** A name with what ends a line for JavaScript, and not for udev: U+2028 and U+2029. */
const WITH_SEPARATORS: Permission = {
  address: "0000:01:00.0",
  vendor: 0x1234,
  device: 0x11e8,
  grantee: { kind: "user", id: 1000, name: "a\u2028b\u2029c" },
  memlock: "unlimited",
  service: null,
  nodes: [],
};

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

describe("the rule of a permission", () => {
  it("says for programs what it says for udev, whoever it is for", () => {
    fc.assert(
      fc.property(permissions, (permission) => {
        const { text } = permissionRule(permission);
        writeFileSync(place(), text);
        const { address, vendor, device, grantee } = permission;
        expect(readPermissions({ root })).toEqual([{ address, vendor, device, grantee }]);
      }),
      { numRuns: 30, examples: [[WITH_SEPARATORS]] },
    );
  });

  it("has no word of anybody's making in it: names that are not plain are numbers", () => {
    const line =
      /^(#[^\r\n]*|LABEL="end"|[A-Z]+(\{[^{}"]+\})?(==|!=|=)"[^"]*"(, [A-Z]+(\{[^{}"]+\})?(==|=)"[^"]*")*)$/;
    fc.assert(
      fc.property(permissions, (permission) => {
        const { text } = permissionRule(permission);
        const lines = text.split("\n").slice(0, -1);
        expect(lines).toHaveLength(11);
        for (const each of lines) expect(each).toMatch(line);
      }),
      { examples: [[WITH_SEPARATORS]] },
    );
  });

  it("of another's making, or damaged, is none", () => {
    for (const text of [
      "",
      "# userpci-permission {",
      "# userpci-permission null",
      damaged("0000:01:00.9"),
      damaged("../x"),
    ]) {
      writeFileSync(place(), text);
      expect(readPermissions({ root })).toEqual([]);
    }
    fc.assert(
      fc.property(fc.json(), (json) => {
        writeFileSync(place(), `# userpci-permission ${json}\n`);
        expect(readPermissions({ root })).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });
});

function damaged(address: string): string {
  const grantee = { kind: "user", id: 1, name: "a" };
  return `# userpci-permission ${JSON.stringify({ address, vendor: 1, device: 1, grantee })}\n`;
}
