import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readInterfaces } from "./interfaces.ts";
import { readModuleAliases, readModules } from "./module-aliases.ts";
import { writeMachine } from "./testing/machine.ts";

const bus = "/sys/devices/pci0000:00";

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-interfaces-"));
  const modalias = (text: string) => ({ attributes: { modalias: `${text}\n` } });
  writeMachine(root, {
    functions: [
      {
        address: "0000:00:01.0",
        id: "144d:a808",
        ...modalias("pci:v0000144Dd0000A808sv00000000sd00000000bc01sc08i02"),
      },
      {
        address: "0000:00:02.0",
        id: "1af4:1042",
        ...modalias("pci:v00001AF4d00001042sv00000000sd00000000bc01sc00i00"),
      },
      { address: "0000:00:03.0", id: "8086:2922" },
      { address: "0000:00:04.0", id: "8086:10d3" },
    ],
    files: {
      [`${bus}/0000:00:01.0/nvme/nvme0/nvme0n1/size`]: "8\n",
      [`${bus}/0000:00:02.0/virtio1/block/vda/size`]: "8\n",
      [`${bus}/0000:00:03.0/ata1/host0/target0:0:0/0:0:0:0/block/sda/size`]: "8\n",
      [`${bus}/0000:00:04.0/net/eth1/flags`]: "0x1003\n",
      [`${bus}/0000:00:04.0/net/eth0/flags`]: "0x1003\n",
      "/proc/sys/kernel/osrelease": "6.12.9\n",
      "/lib/modules/6.12.9/modules.alias":
        "alias pci:v*d*sv*sd*bc01sc08i02* nvme\nalias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci\nalias usb:v1 none\n",
    },
  });
});
afterAll(() => rmSync(root, { recursive: true }));

describe("readInterfaces", () => {
  it.each([
    ["00:01.0", ["nvme0", "nvme0n1"]],
    ["00:02.0", ["vda"]],
    ["00:03.0", ["sda"]],
    ["00:04.0", ["eth0", "eth1"]],
    ["00:05.0", []],
  ])("of %s", (address, names) => {
    expect(readInterfaces(address, { root })).toEqual(names);
  });

  it("refuses what is no address", () => {
    expect(() => readInterfaces("eth0", { root })).toThrow(/not a PCI address/);
  });
});

describe("readModules", () => {
  it("finds modules by class and by vendor, and none without the files", () => {
    const aliases = readModuleAliases({ root });
    const found = ["00:01.0", "00:02.0", "00:04.0"].map((address) => readModules(address, aliases, { root }));
    expect(found).toEqual([["nvme"], ["virtio_pci"], []]);
    expect(readModuleAliases({ root: join(root, "nowhere") }).find("pci:v00001AF4d00001042sv")).toEqual([]);
  });

  it("refuses what are no aliases", () => {
    const refusal = expect.objectContaining({ code: "ERR_INVALID_ARGUMENT", hint: expect.any(String) });
    for (const aliases of [undefined, null, { root }, "pci:"] as never[]) {
      expect(() => readModules("00:01.0", aliases, { root })).toThrow(refusal);
    }
  });
});
