import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { acsOf } from "./acs.ts";
import { readLink } from "./link.ts";
import { type PortType, portTypeOf, portTypes } from "./port-type.ts";
import { writeMachine } from "./testing/machine.ts";
import { readTopology } from "./topology.ts";

/** Bits 0, 2, 3 and 4: what Linux wants. */
const ALL = 0x1d;

/** Configuration space of a PCI Express function, with ACS if its registers are given. */
function express(type: PortType, acs?: readonly [capable: number, enabled: number]): Buffer {
  const bytes = Buffer.alloc(4096);
  const code = Number(Object.entries(portTypes).find(([, name]) => name === type)![0]);
  bytes.writeUInt16LE(0x10, 0x06);
  bytes[0x34] = 0x50;
  bytes.writeUInt32LE(0x0000_6001, 0x50);
  bytes.writeUInt16LE(0x0010, 0x60);
  bytes.writeUInt16LE((code << 4) | 2, 0x62);
  if (acs === undefined) return bytes;
  bytes.writeUInt32LE(0x1401_0001, 0x100);
  bytes.writeUInt32LE(0x0001_000d, 0x140);
  bytes.writeUInt16LE(acs[0], 0x144);
  bytes.writeUInt16LE(acs[1], 0x146);
  return bytes;
}

const link = (speed: string, width: string, maxSpeed: string, maxWidth: string) => ({
  current_link_speed: `${speed}\n`,
  current_link_width: `${width}\n`,
  max_link_speed: `${maxSpeed}\n`,
  max_link_width: `${maxWidth}\n`,
});
const gen3 = "8.0 GT/s PCIe";

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-topology-"));
  const bridge = { id: "8086:1901", classCode: 0x060400, driver: "pcieport" };
  writeMachine(root, {
    functions: [
      { address: "0000:00:00.0", id: "8086:29c0", classCode: 0x060000 },
      {
        address: "0000:00:01.0",
        ...bridge,
        config: express("root port", [ALL, ALL]),
        attributes: {
          secondary_bus_number: "1\n",
          subordinate_bus_number: "3\n",
          ...link(gen3, "8", gen3, "16"),
        },
      },
      { address: "0000:01:00.0", ...bridge, parent: "0000:00:01.0", config: express("upstream port") },
      {
        address: "0000:02:00.0",
        ...bridge,
        parent: "0000:01:00.0",
        config: express("downstream port", [ALL, 0x01]),
      },
      {
        address: "0000:03:00.0",
        id: "8086:10d3",
        parent: "0000:02:00.0",
        config: express("endpoint"),
        attributes: {
          power_state: "D3hot\n",
          "power/runtime_status": "suspended\n",
          local_cpulist: "0-7\n",
          ...link("2.5 GT/s PCIe", "1", "8 GT/s", "4"),
        },
      },
      {
        address: "0000:03:00.1",
        id: "8086:10d3",
        parent: "0000:02:00.0",
        config: express("endpoint", [0, 0]),
      },
      { address: "0000:00:1e.0", ...bridge, config: Buffer.alloc(256) },
      { address: "0000:05:01.0", id: "8086:100e", parent: "0000:00:1e.0", config: Buffer.alloc(64) },
      { address: "0001:00:00.0", id: "1234:11e8", attributes: link("Unknown", "0", "16.0 GT/s PCIe", "4") },
    ],
    files: { "/sys/bus/pci/slots/2-1/address": "0000:03:00\n" },
  });
});
afterAll(() => rmSync(root, { recursive: true }));

describe("readTopology", () => {
  it("puts every function below its bridge, in the order of the bus", () => {
    const shape = (nodes: readonly { fn: { address: string }; children: readonly never[] }[]): unknown[] =>
      nodes.map(({ fn, children }) =>
        children.length === 0 ? fn.address : [fn.address, ...shape(children)],
      );
    const { roots } = readTopology({ root });
    expect(roots.map(({ name, children }) => [name, ...shape(children as never)])).toEqual([
      [
        "0000:00",
        "0000:00:00.0",
        ["0000:00:01.0", ["0000:01:00.0", ["0000:02:00.0", "0000:03:00.0", "0000:03:00.1"]]],
        ["0000:00:1e.0", "0000:05:01.0"],
      ],
      ["0001:00", "0001:00:00.0"],
    ]);
  });

  it("tells slot, power, processors, link and what the link could be", () => {
    expect(readTopology({ root }).node("03:00.0")).toMatchObject({
      portType: "endpoint",
      slot: "2-1",
      powerState: "D3hot",
      runtimeStatus: "suspended",
      cpus: "0-7",
      buses: null,
      acs: null,
      link: { speed: 2.5, width: 1, maxSpeed: 8, maxWidth: 4 },
      shortfall: { speed: 8, width: 4 },
    });
  });

  it("tells the buses below a bridge, and that its link has what both ends can do", () => {
    expect(readTopology({ root }).node("00:01.0")).toMatchObject({
      buses: [1, 3],
      portType: "root port",
      shortfall: null,
    });
  });

  it("says unknown where this user may not read as far", () => {
    expect(readTopology({ root }).node("05:01.0")).toMatchObject({ portType: null, acs: null });
    expect(readTopology({ root }).node("0001:00:00.0")).toMatchObject({
      portType: "unknown",
      acs: "unknown",
    });
  });

  it("names the bridges above a function, and what lets its requests past the IOMMU", () => {
    const topology = readTopology({ root });
    expect(topology.path("03:00.0").map(({ fn }) => fn.address)).toEqual([
      "0000:00:01.0",
      "0000:01:00.0",
      "0000:02:00.0",
      "0000:03:00.0",
    ]);
    const off = "request-redirect, completion-redirect, upstream-forwarding";
    const port = { address: "0000:02:00.0", why: `a downstream port whose ACS is not on (${off})` };
    const itself = { address: "0000:03:00.0", why: "one of several functions of a device without ACS" };
    expect(topology.gaps("03:00.0")).toEqual([port, itself]);
    expect(topology.gaps("03:00.1")).toEqual([port]);
    expect(topology.gaps("05:01.0")).toMatchObject([
      { address: "0000:00:1e.0", why: expect.stringContaining("conventional PCI") },
    ]);
    expect(topology.gaps("0001:00:00.0")).toEqual([]);
  });

  it("says that a function is not there", () => {
    expect(() => readTopology({ root }).node("07:00.0")).toThrow(/no PCI function 0000:07:00.0/);
  });
});

describe("readLink", () => {
  it("tells a link that is down, and functions without one", () => {
    expect(readLink("0001:00:00.0", { root })).toEqual({
      speed: null,
      width: null,
      maxSpeed: 16,
      maxWidth: 4,
    });
    expect(readLink("00:00.0", { root })).toBeNull();
    expect(() => readLink("nic", { root })).toThrow(/not a PCI address/);
  });
});

describe("capabilities", () => {
  it("are found, or not, in any bytes of any length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (given, marked) => {
        const bytes = Buffer.from(given);
        if (marked && bytes.length > 0x34) bytes[0x06] = 0x10;
        for (const found of [portTypeOf(bytes), acsOf(bytes)])
          expect(found === undefined || typeof found === "object" || typeof found === "string").toBe(true);
      }),
    );
  });

  it("end where a list leads back to itself, and where nothing answers", () => {
    const circle = express("endpoint");
    circle.writeUInt32LE(0x1001_0001, 0x100);
    circle[0x51] = 0x50;
    expect([portTypeOf(circle), acsOf(circle)]).toEqual([null, null]);
    expect(acsOf(Buffer.alloc(4096, 0xff))).toBeNull();
  });
});
