import { describe, expect, it } from "vitest";
import { decodeBars } from "./bars.ts";
import { bytesRegion } from "./bytes.ts";
import { type ConfigSpace, configOf } from "./config.ts";
import { flagsOf, type PrintedCapability, type PrintedDevice, readCaptures } from "./testing/captures.ts";
import { capabilityHeads, capabilityLines } from "./testing/printed-capabilities.ts";
import { bridgeLines, type Fields, headerLines, type Line, type Lines } from "./testing/printed-header.ts";

// The decoder against lspci 3.9.0, flag by flag and number by number: on captures of QEMU's devices, and on the same with
// the contents of their registers drawn at random (see fixtures/make.mjs). A line or flag that no table knows fails.

/** Lines that other tests compare, or that have no fields. */
const notCompared = new Set(["HeaderLog", "Address", "Masking"]);

const hex = (value: number | bigint, digits: number): string => value.toString(16).padStart(digits, "0");

/** Registers by name, of a header or capability. */
type Holder = object;

function registerOf(holder: Holder, name: string): Fields {
  const register: unknown = Reflect.get(holder, name);
  if (typeof register === "object" && register !== null && "read" in register) {
    return (register as { read(): Fields }).read();
  }
  throw new Error(`no register ${name}`);
}

/** Compares the lines that tables know; returns the number of facts compared. */
function compare(holder: Holder, printed: ReadonlyMap<string, string>, lines: Lines, where: string): number {
  let facts = 0;
  for (const [label, text] of printed) {
    const line = lines[label];
    if (line) facts += compareLine(registerOf(holder, line.register), text, line, `${where} ${label}`);
    else if (flagsOf(text).size > 0 && !notCompared.has(label))
      throw new Error(`${where}: unknown line ${label}`);
  }
  return facts;
}

function compareLine(fields: Fields, text: string, line: Line, where: string): number {
  const flags = line.flags ?? {};
  let facts = 0;
  for (const [name, printed] of flagsOf(line.says ? text.replace(/D[12][+-]|PME\(.*\)/g, "") : text)) {
    const field = flags[name];
    if (field === undefined) throw new Error(`${where}: unknown flag ${name}`);
    const ours = typeof field === "string" ? fields[field] : field(fields);
    expect(`${where} ${name} ${ours}`).toBe(`${where} ${name} ${printed}`);
    facts++;
  }
  for (const fact of line.says?.(fields as Record<string, number>) ?? []) {
    expect(`${text} `, where).toContain(fact);
    facts++;
  }
  return facts;
}

function compareCapabilities(
  config: ConfigSpace,
  printed: readonly PrintedCapability[],
  where: string,
): number {
  const capabilities = [...config.capabilities(), ...config.extendedCapabilities()];
  const places = capabilities.map(({ kind, offset, version }) =>
    kind === "extended" ? `${hex(offset, 3)} v${version}` : hex(offset, 2),
  );
  expect(places, where).toEqual(printed.map(({ place }) => place));
  let facts = 0;
  for (const [index, { head, lines }] of printed.entries()) {
    const capability = capabilities[index]!;
    const at = `${where} ${capability.name}`;
    expect(head.startsWith(capabilityHeads[capability.name] ?? "?"), `${at}: ${head}`).toBe(true);
    const table = capabilityLines[capability.name];
    if (!table) continue;
    if (table.head) facts += compareLine(registerOf(capability, "control"), head, table.head, at);
    facts += compare(capability, lines, table, at);
  }
  return facts;
}

function compareMsi(config: ConfigSpace, printed: readonly PrintedCapability[]): number {
  const lines = printed.find(({ head }) => head.startsWith("MSI: "))?.lines;
  const msi = config.find("msi");
  expect(lines === undefined).toBe(msi === undefined);
  if (!lines || !msi) return 0;
  const high = msi.addressHi === undefined ? "" : hex(msi.addressHi, 8);
  expect(lines.get("Address")).toBe(`${high}${hex(msi.addressLo, 8)}  Data: ${hex(msi.data, 4)}`);
  const { mask, pending } = msi;
  const masking = mask === undefined ? undefined : `${hex(mask, 8)}  Pending: ${hex(pending ?? 0, 8)}`;
  expect(lines.get("Masking")).toBe(masking);
  return 2;
}

function compareHeader(config: ConfigSpace, { head, lines }: PrintedDevice): number {
  const { vendorId, deviceId, classCode, revisionId, interruptPin, interruptLine, bridge } = config;
  const revision = revisionId ? ` (rev ${hex(revisionId, 2)})` : "";
  expect(head).toContain(`${hex(classCode >>> 8, 4)}: ${hex(vendorId, 4)}:${hex(deviceId, 4)}${revision}`);
  const interrupt = lines.get("Interrupt");
  if (interrupt) {
    expect(interrupt).toBe(`pin ${"?ABCD"[interruptPin]} routed to IRQ ${interruptLine}`);
  }
  if (bridge) {
    const { primaryBus, secondaryBus, subordinateBus } = bridge;
    const buses = `primary=${hex(primaryBus, 2)}, secondary=${hex(secondaryBus, 2)}, subordinate=${hex(subordinateBus, 2)}`;
    expect(lines.get("Bus")).toContain(buses);
  }
  const subsystem = lines.get("Subsystem");
  const { subsystemVendorId, subsystemId } = config.endpoint ?? {};
  if (config.endpoint && subsystem) {
    expect(subsystem).toBe(`${hex(subsystemVendorId!, 4)}:${hex(subsystemId!, 4)}`);
  }
  return 3;
}

function compareBars(config: ConfigSpace, { lines }: PrintedDevice): number {
  const printed = [...lines].filter(([label]) => label.startsWith("Region"));
  const ours = decodeBars(config).map(({ index, kind, address, prefetchable }) => {
    const memory = `${kind === "memory64" ? "64" : "32"}-bit, ${prefetchable ? "" : "non-"}prefetchable`;
    const place =
      kind === "io" ? `I/O ports at ${hex(address, 4)}` : `Memory at ${hex(address, 8)} (${memory})`;
    return [`Region ${index}`, place];
  });
  expect(ours).toEqual(printed.map(([label, text]) => [label, text.replace(" [disabled]", "")]));
  const rom = (config.endpoint ?? config.bridge)?.rom.read();
  const romAt = rom?.address ? `at ${hex(rom.address, 8)}` : undefined;
  expect(lines.get("Expansion ROM")?.replace(/ \[.*$/, "")).toBe(romAt);
  return ours.length + 1;
}

describe.each([
  { name: "real", devices: 18, facts: 1900 },
  { name: "varied", devices: 98, facts: 9500 },
])("lspci and the decoder agree on $name devices", ({ name, devices, facts }) => {
  const captures = readCaptures(name);
  let compared = 0;

  it.each([...captures])("%s", (address, { bytes, printed }) => {
    const config = configOf(bytesRegion(bytes));
    const { bridge } = config;
    compared += compareHeader(config, printed);
    compared += compare(
      config,
      new Map([...printed.lines].filter(([label]) => label in headerLines)),
      headerLines,
      address,
    );
    if (bridge) {
      compared += compare(
        bridge,
        new Map([...printed.lines].filter(([label]) => label in bridgeLines)),
        bridgeLines,
        address,
      );
    }
    compared += compareBars(config, printed);
    compared += compareCapabilities(config, printed.capabilities, address);
    compared += compareMsi(config, printed.capabilities);
  });

  it("compared enough to mean something", () => {
    expect(captures.size).toBe(devices);
    expect(compared).toBeGreaterThan(facts);
  });
});
