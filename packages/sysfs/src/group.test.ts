import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { explainGroup, isVfioDriver, listGroups, readGroup } from "./group.ts";
import { writeMachine } from "./testing/machine.ts";

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-group-"));
  writeMachine(root, {
    functions: [
      { address: "0000:00:01.0", id: "8086:1901", classCode: 0x060400, driver: "pcieport", group: 1 },
      { address: "0000:00:01.1", id: "8086:1905", classCode: 0x060400, group: 1 },
      { address: "0000:01:00.0", id: "10de:1b80", classCode: 0x030000, driver: "vfio-pci", group: 1 },
      { address: "0000:01:00.1", id: "10de:10f0", classCode: 0x040300, driver: "snd_hda_intel", group: 1 },
      { address: "0000:01:00.2", id: "10de:1ad6", classCode: 0x0c0330, driver: "xhci_hcd", group: 1 },
      { address: "0000:02:00.0", id: "8086:10c9", classCode: 0x020000, driver: "vfio-pci", group: 10 },
      { address: "0000:02:00.1", id: "8086:10c9", classCode: 0x020000, driver: "pci-stub", group: 10 },
      { address: "0000:02:00.2", id: "8086:10c9", classCode: 0x020000, group: 10 },
      { address: "0000:00:1f.0", id: "8086:2918", classCode: 0x060100, driver: "lpc_ich", group: 2 },
    ],
    groups: [
      {
        number: 1,
        type: "DMA-FQ",
        reserved:
          "0x00000000fee00000 0x00000000feefffff msi\n0x00000000000a0000 0x00000000000fffff direct-relaxable\n",
      },
      { number: 2, name: "vfio-noiommu" },
      { number: 30, others: { "PNP0C0A:00": null, dma0: "idma64" } },
    ],
  });
});
afterAll(() => rmSync(root, { recursive: true }));

describe("readGroup", () => {
  it("blocks on members with an ordinary driver, and on nothing else", () => {
    const group = readGroup(1, { root });
    expect(group.viable).toBe(false);
    expect(group.members.map(({ address, driver, blocks }) => [address, driver, blocks])).toEqual([
      ["0000:00:01.0", "pcieport", false],
      ["0000:00:01.1", null, false],
      ["0000:01:00.0", "vfio-pci", false],
      ["0000:01:00.1", "snd_hda_intel", true],
      ["0000:01:00.2", "xhci_hcd", true],
    ]);
  });

  it("is viable with members on vfio-pci, on pci-stub and without a driver", () => {
    expect(readGroup(10, { root })).toMatchObject({ viable: true, noIommu: false, type: null });
  });

  it("does not take an ISA bridge, which has a driver that does DMA, for a bridge to another bus", () => {
    expect(readGroup(2, { root })).toMatchObject({ viable: false, noIommu: true });
  });

  it("tells the addresses that the platform keeps", () => {
    expect(readGroup(1, { root })).toMatchObject({
      type: "DMA-FQ",
      reserved: [
        { start: 0xfee0_0000n, last: 0xfeef_ffffn, type: "msi" },
        { start: 0xa_0000n, last: 0xf_ffffn, type: "direct-relaxable" },
      ],
    });
  });

  it("counts members that are no PCI functions", () => {
    expect(readGroup(30, { root }).members).toMatchObject([
      { address: "PNP0C0A:00", driver: null, classCode: null, blocks: false },
      { address: "dma0", driver: "idma64", classCode: null, blocks: true },
    ]);
  });

  it("says that a group does not exist", () => {
    expect(() => readGroup(7, { root })).toThrow(/no IOMMU group 7/);
  });
});

describe("listGroups", () => {
  it("lists groups by number, and none without an IOMMU", () => {
    expect(listGroups({ root }).map((group) => group.number)).toEqual([1, 2, 10, 30]);
    expect(listGroups({ root: join(root, "nowhere") })).toEqual([]);
  });

  it("leaves out a group that goes while it is listed", () => {
    // What is left of a group whose last member has gone: a name, and nothing behind it.
    mkdirSync(join(root, "sys/kernel/iommu_groups/99"));
    expect(listGroups({ root }).map((group) => group.number)).toEqual([1, 2, 10, 30]);
    rmSync(join(root, "sys/kernel/iommu_groups/99"), { recursive: true });
  });
});

describe("explainGroup", () => {
  it("has nothing to say of a viable group", () => {
    expect(explainGroup(readGroup(10, { root }))).toBeNull();
  });

  it("names each blocking member, its driver and the command that frees it", () => {
    const error = explainGroup(readGroup(1, { root }));
    expect(error).toMatchObject({ code: "ERR_GROUP_NOT_VIABLE" });
    expect(error?.message).toContain("0000:01:00.1 (snd_hda_intel), 0000:01:00.2 (xhci_hcd) are");
    expect(error?.hint?.split("\n")).toEqual([
      "sudo userpci bind 0000:01:00.1  # takes it from snd_hda_intel",
      "sudo userpci bind 0000:01:00.2  # takes it from xhci_hcd",
      expect.stringContaining("without the IOMMU"),
    ]);
    expect(error?.details).toMatchObject({ group: 1, members: { length: 5 }, blockers: { length: 2 } });
  });

  it("gives another way out for a member that vfio-pci cannot take", () => {
    expect(explainGroup(readGroup(30, { root }))?.hint).toContain("dma0/driver/unbind");
  });

  it("takes a bridge that bind refuses from its driver, for good", () => {
    expect(explainGroup(readGroup(2, { root }))?.hint).toContain(
      "echo 0000:00:1f.0 | sudo tee /sys/bus/pci/devices/0000:00:1f.0/driver/unbind",
    );
  });
});

describe("isVfioDriver", () => {
  it("knows vfio-pci and its variants, however they are spelt", () => {
    for (const name of ["vfio-pci", "mlx5_vfio_pci", "nvgrace-gpu-vfio-pci", "vfio-platform"]) {
      expect(isVfioDriver(name), name).toBe(true);
    }
    for (const name of [null, "igb", "virtio-pci", "vfio", "notvfio-pci"]) {
      expect(isVfioDriver(name), String(name)).toBe(false);
    }
  });
});
