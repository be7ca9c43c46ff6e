import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isPciError } from "@userpci/interface";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFunction, findFunctions, listFunctions } from "./find.ts";
import { readDriverOverride, readHeaderType } from "./function.ts";
import { readGroup } from "./group.ts";
import { type MachineData, writeMachine } from "./testing/machine.ts";
import { readTopology } from "./topology.ts";

const config = (headerType: number) => {
  const bytes = new Uint8Array(64);
  bytes[0x0e] = headerType;
  return bytes;
};

const machine: MachineData = {
  functions: [
    { address: "0000:00:00.0", id: "8086:29c0", classCode: 0x060000 },
    {
      address: "0000:00:04.0",
      id: "1234:11e8",
      subsystem: "1af4:1100",
      revision: 0x10,
      driver: "vfio-pci",
      driverOverride: "vfio-pci",
      group: 4,
      vfioDevice: "vfio0",
      resources: [[0xfea0_0000n, 0xfeaf_ffffn, 0x40200n]],
    },
    {
      address: "0000:00:06.0",
      id: "1b36:000c",
      classCode: 0x060400,
      driver: "pcieport",
      group: 5,
      config: config(0x81),
    },
    {
      address: "0000:01:00.0",
      id: "8086:10c9",
      classCode: 0x020000,
      driver: "igb",
      group: 6,
      numaNode: 1,
      parent: "0000:00:06.0",
      resetMethods: "flr pm bus",
      maxVirtualFunctions: 8,
      virtualFunctions: ["0000:01:10.0", "0000:01:10.2"],
      config: config(0x80),
    },
    ...["0000:01:10.0", "0000:01:10.2"].map((address) => ({
      address,
      id: "8086:10ca",
      classCode: 0x020000,
      parent: "0000:00:06.0",
      physicalFunction: "0000:01:00.0",
      driverOverride: null,
    })),
  ],
};

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-find-"));
  writeMachine(root, machine);
});
afterAll(() => rmSync(root, { recursive: true }));

const addressesOf = (filter: Parameters<typeof findFunctions>[0]) =>
  findFunctions(filter, { root }).map((fn) => fn.address);

describe("listFunctions", () => {
  it("lists every function in the order of the bus", () => {
    expect(listFunctions({ root }).map((fn) => fn.address)).toEqual(
      machine.functions.map((fn) => fn.address),
    );
  });

  it("is empty where there is no PCI", () => {
    expect(listFunctions({ root: join(root, "nowhere") })).toEqual([]);
  });
});

describe("findFunction", () => {
  it("takes the short form of an address", () => {
    expect(findFunction("00:04.0", { root })).toEqual(findFunction("0000:00:04.0", { root }));
  });

  it("tells everything sysfs says of an endpoint bound to vfio-pci", () => {
    expect(findFunction("00:04.0", { root })).toEqual({
      address: "0000:00:04.0",
      vendor: 0x1234,
      device: 0x11e8,
      subsystemVendor: 0x1af4,
      subsystemDevice: 0x1100,
      classCode: 0x00ff00,
      revision: 0x10,
      driver: "vfio-pci",
      iommuGroup: 4,
      numaNode: null,
      resources: [
        { index: 0, start: 0xfea0_0000n, size: 0x10_0000, space: "memory", wide: false, prefetchable: false },
      ],
      resetMethods: [],
      vfioDevice: "vfio0",
      parent: null,
      physicalFunction: null,
      virtualFunctions: [],
      maxVirtualFunctions: 0,
    });
  });

  it("knows the bridge above, the node, the resets and the virtual functions of a network card", () => {
    expect(findFunction("01:00.0", { root })).toMatchObject({
      driver: "igb",
      parent: "0000:00:06.0",
      numaNode: 1,
      resetMethods: ["flr", "pm", "bus"],
      virtualFunctions: ["0000:01:10.0", "0000:01:10.2"],
      maxVirtualFunctions: 8,
    });
  });

  it("knows the physical function of a virtual one", () => {
    expect(findFunction("01:10.2", { root })).toMatchObject({
      driver: null,
      iommuGroup: null,
      physicalFunction: "0000:01:00.0",
    });
  });

  it("says which addresses there are when there is none like it", () => {
    try {
      findFunction("01:00.1", { root });
      expect.unreachable();
    } catch (error) {
      if (!isPciError(error, "ERR_NO_DEVICE")) throw error;
      expect(error.message).toContain("0000:01:00.1");
      expect(error.hint).toContain("on this bus: 0000:01:00.0, 0000:01:10.0");
      expect(error.details?.present).toHaveLength(machine.functions.length);
    }
  });
});

describe("findFunctions", () => {
  it("finds by vendor and device, either of which may be left open", () => {
    expect(addressesOf({ id: "1234:11e8" })).toEqual(["0000:00:04.0"]);
    expect(addressesOf({ id: "8086:" })).toHaveLength(4);
    expect(addressesOf({ id: ":10CA" })).toEqual(["0000:01:10.0", "0000:01:10.2"]);
  });

  it("finds by class, as coarse or fine as given", () => {
    expect(addressesOf({ class: "06" })).toEqual(["0000:00:00.0", "0000:00:06.0"]);
    expect(addressesOf({ class: "0604" })).toEqual(["0000:00:06.0"]);
    expect(addressesOf({ class: "020001" })).toEqual([]);
  });

  it("finds by driver and group, and what has neither", () => {
    expect(addressesOf({ driver: "igb" })).toEqual(["0000:01:00.0"]);
    expect(addressesOf({ driver: null, class: "02" })).toEqual(["0000:01:10.0", "0000:01:10.2"]);
    expect(addressesOf({ group: 4 })).toEqual(["0000:00:04.0"]);
    expect(addressesOf({ group: null })).toEqual(["0000:00:00.0", "0000:01:10.0", "0000:01:10.2"]);
  });

  it.each([{ id: "12345:1" }, { id: "1234" }, { class: "020" }, { class: "net" }])("refuses %j", (filter) => {
    expect(() => findFunctions(filter, { root })).toThrow(/is not a (vendor:device id|PCI class)/);
  });
});

describe("readHeaderType", () => {
  const typeOf = (address: string) => readHeaderType(findFunction(address, { root }), { root });

  it("reads the configuration space, without the multi-function bit", () => {
    expect(typeOf("00:06.0")).toBe(1);
    expect(typeOf("01:00.0")).toBe(0);
  });

  it("falls back on the class where a snapshot has no configuration space", () => {
    expect(typeOf("00:04.0")).toBe(0);
    expect(typeOf("00:00.0")).toBe(0);
  });
});

describe("readDriverOverride", () => {
  it("tells an override, none, and a kernel without the file", async () => {
    expect(await readDriverOverride("0000:00:04.0", { root })).toBe("vfio-pci");
    expect(await readDriverOverride("0000:01:00.0", { root })).toBeNull();
    expect(await readDriverOverride("0000:01:10.0", { root })).toBeUndefined();
    // A directory in its place: what else keeps a file from being read keeps no root from it.
    const path = join(root, "/sys/bus/pci/devices/0000:01:10.2/driver_override");
    mkdirSync(path);
    await expect(readDriverOverride("0000:01:10.2", { root })).rejects.toMatchObject({
      message: `${path} cannot be read: EISDIR`,
      hint: expect.any(String),
    });
  });
});

describe("a copy of a machine that somebody has made up", () => {
  const copy = mkdtempSync(join(tmpdir(), "userpci-made-up-"));
  const address = "0000:04:00.0";
  afterAll(() => rmSync(copy, { recursive: true }));

  it("has nothing that moves a terminal's cursor, or makes a line of its own", async () => {
    const evil = "a\x1b[2J\nroot\x07";
    const clean = "a [2J root";
    writeMachine(copy, {
      functions: [
        {
          address,
          id: "1234:11e8",
          driver: evil,
          driverOverride: evil,
          group: 4,
          resetMethods: `flr \x1b[31mpm`,
          attributes: { power_state: evil },
        },
      ],
      groups: [{ number: 4, type: evil, others: { [evil]: evil } }],
    });
    const tree = { root: copy };
    expect(findFunction(address, tree)).toMatchObject({ driver: clean, resetMethods: ["flr", "[31mpm"] });
    expect(await readDriverOverride(address, tree)).toBe(clean);
    expect(readTopology(tree).node(address).powerState).toBe(clean);
    const { type, members } = readGroup(4, tree);
    expect([type, ...members.map((member) => [member.address, member.driver])]).toEqual([
      clean,
      [address, clean],
      [clean, clean],
    ]);
  });

  it("has no number where an attribute is none", () => {
    const made = "0000:05:00.0";
    const attributes = {
      revision: "garbage\n",
      numa_node: "x\n",
      class: "0x1ffffff\n",
      sriov_totalvfs: "\n",
    };
    writeMachine(copy, { functions: [{ address: made, id: "1234:11e8", attributes }] });
    expect(findFunction(made, { root: copy })).toMatchObject({
      vendor: 0x1234,
      revision: 0,
      classCode: 0,
      numaNode: null,
      iommuGroup: null,
      maxVirtualFunctions: 0,
    });
  });
});
