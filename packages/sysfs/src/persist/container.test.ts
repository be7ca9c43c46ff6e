import { describe, expect, it } from "vitest";
import { cdiFile, ociFragment } from "./container.ts";
import type { Permission } from "./permission.ts";

const nodes = [
  { path: "/dev/vfio/vfio", major: 10, minor: 196 },
  { path: "/dev/vfio/8", major: 252, minor: 0 },
  { path: "/dev/vfio/devices/vfio0", major: 251, minor: 0 },
  { path: "/dev/iommu", major: 10, minor: 256 },
];
const user: Permission = {
  address: "0000:01:00.0",
  vendor: 0x8086,
  device: 0x10d3,
  grantee: { kind: "user", id: 1000, name: "alice" },
  memlock: 2 ** 31,
  service: null,
  nodes,
};
const group: Permission = {
  ...user,
  grantee: { kind: "group", id: 107, name: "vfio" },
  memlock: "unlimited",
};

type Json = ReturnType<typeof JSON.parse>;
type Rule = readonly [pattern: string, holds: (value: Json) => boolean];

const isUint32 = (value: Json) => Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
const isMode = (value: Json) => Number.isInteger(value) && value >= 0 && value <= 512;
const isNumber = (value: Json) => Number.isSafeInteger(value) && value >= 0;
const isPath = (value: Json) => typeof value === "string" && value.startsWith("/");

/**
 * What the schemas of the OCI runtime specification ask of the properties that we write: `config-schema.json` (process), `defs-linux.json`
 * (Device, DeviceCgroup, FileMode, FileType), `defs.json` (UID, GID, uint64). `*` stands for any index. A property without a rule is one that they do not have.
 */
const ociRules: readonly Rule[] = [
  ["process.user.additionalGids.*", isUint32],
  ["process.rlimits.*.type", (value) => /^RLIMIT_[A-Z]+$/.test(value)],
  // uint64: what JSON.parse makes of 2^64 - 1 is 2^64.
  ["process.rlimits.*.soft", (value) => Number.isInteger(value) && value >= 0 && value <= 2 ** 64],
  ["process.rlimits.*.hard", (value) => Number.isInteger(value) && value >= 0 && value <= 2 ** 64],
  ["linux.devices.*.path", isPath],
  ["linux.devices.*.type", (value) => /^[cbup]$/.test(value)],
  ["linux.devices.*.major", isNumber],
  ["linux.devices.*.minor", isNumber],
  ["linux.devices.*.fileMode", isMode],
  ["linux.devices.*.uid", isUint32],
  ["linux.devices.*.gid", isUint32],
  ["linux.resources.devices.*.allow", (value) => typeof value === "boolean"],
  // config-linux.md, "Allowed Device list".
  ["linux.resources.devices.*.type", (value) => /^[abc]$/.test(value)],
  ["linux.resources.devices.*.major", isNumber],
  ["linux.resources.devices.*.minor", isNumber],
  ["linux.resources.devices.*.access", (value) => /^[rwm]+$/.test(value)],
];

/** The same of the Container Device Interface: `schema.json` and `defs.json`, which allow no other properties, and the rules of names in `SPEC.md`. */
const cdiRules: readonly Rule[] = [
  ["cdiVersion", (value) => /^\d+\.\d+\.\d+$/.test(value)],
  // A vendor and a class, 63 characters each at most.
  ["kind", (value) => /^[A-Za-z][\w.-]{0,61}[A-Za-z0-9]\/[A-Za-z][\w.-]{0,61}[A-Za-z0-9]$/.test(value)],
  ["annotations.userpci/about", (value) => typeof value === "string"],
  ["devices.*.name", (value) => /^[A-Za-z0-9][\w.:-]*[A-Za-z0-9]$/.test(value)],
  ["devices.*.containerEdits.deviceNodes.*.path", isPath],
  ["devices.*.containerEdits.deviceNodes.*.permissions", (value) => /^[rwm]+$/.test(value)],
  ["devices.*.containerEdits.deviceNodes.*.fileMode", isMode],
  ["devices.*.containerEdits.deviceNodes.*.uid", isUint32],
  ["devices.*.containerEdits.deviceNodes.*.gid", isUint32],
  ["devices.*.containerEdits.additionalGids.*", isUint32],
];

/** Every value of a JSON text with its place, such as `linux.devices.*.path`. */
function leaves(value: Json, place: readonly string[] = []): [place: string, value: Json][] {
  if (typeof value !== "object" || value === null) return [[place.join("."), value]];
  return Object.entries(value).flatMap(([key, inner]) =>
    leaves(inner, [...place, Array.isArray(value) ? "*" : key]),
  );
}

function broken(text: string, rules: readonly Rule[]): string[] {
  return leaves(JSON.parse(text))
    .filter(([place, value]) => !rules.some(([pattern, holds]) => pattern === place && holds(value)))
    .map(([place, value]) => `${place}: ${JSON.stringify(value)}`);
}

describe.each([
  ["user", user],
  ["group", group],
] as const)("what a container needs for a %s", (kind, permission) => {
  it("is as the OCI runtime specification has it", () => {
    const { text, path } = ociFragment(permission);
    expect(path).toBeNull();
    expect(broken(text, ociRules)).toEqual([]);
    const { process, linux } = JSON.parse(text);
    expect(linux.devices).toHaveLength(nodes.length);
    for (const device of linux.devices) expect(device).toMatchObject({ type: "c", path: expect.any(String) });
    for (const rule of linux.resources.devices) expect(rule).toMatchObject({ allow: true });
    expect(process.rlimits).toHaveLength(1);
  });

  it("is as the Container Device Interface has it", () => {
    const { text, path } = cdiFile(permission);
    expect(path).toBe("/etc/cdi/userpci-0000-01-00.0.json");
    expect(broken(text, cdiRules)).toEqual([]);
    const { cdiVersion, devices } = JSON.parse(text);
    expect(devices.map(({ name }: { name: string }) => name)).toEqual(["0000:01:00.0"]);
    // The version in which the newest of the properties came: an older runtime refuses the file, a newer one asks for no more.
    expect(cdiVersion).toBe(kind === "group" ? "0.7.0" : "0.6.0");
    expect(text.includes("additionalGids")).toBe(kind === "group");
  });
});

describe("the limit of a container", () => {
  it("is in bytes, or RLIM_INFINITY to the last digit", () => {
    expect(ociFragment(user).text).toContain('"soft": 2147483648,\n        "hard": 2147483648');
    expect(ociFragment(group).text).toContain('"soft": 18446744073709551615,');
  });
});
