/** What the IOMMU stopped, counted by the emulator: seen from outside of the guest. */
import { fileURLToPath } from "node:url";
import type { DmaFault, Vm } from "@userpci/testbed";
import { beforeAll, describe, expect, it } from "vitest";
import { compiled } from "./harness/guest-code.ts";
import { preparedVm } from "./harness/host.ts";
import type { Report, Scene } from "./isolation/scene.ts";
import { USER } from "./machines.ts";

const SCENE = compiled(fileURLToPath(new URL("./isolation/scene.ts", import.meta.url)));

let vm: Vm;
beforeAll(async () => {
  vm = await preparedVm();
});

/** Plays a scene in the guest as the ordinary user, and returns what it tells and the faults that it caused. */
async function play(scene: Scene): Promise<Report & { faults: readonly DmaFault[] }> {
  const before = (await vm.dmaFaults()).length;
  const { stdout } = await vm.run(["node", SCENE, scene], { user: String(USER), check: true });
  return { ...(JSON.parse(stdout) as Report), faults: (await vm.dmaFaults()).slice(before) };
}

describe("DMA that the IOMMU must stop", () => {
  it("causes no fault where the memory is mapped", async () => {
    const { unchanged, faults } = await play("mapped");
    expect(unchanged).toBe(false);
    expect(faults).toEqual([]);
  });

  it("is a write fault at an address that nobody mapped", async () => {
    const { unchanged, iova, faults } = await play("unmapped");
    expect(unchanged).toBe(true);
    expect(faults.length).toBeGreaterThan(0);
    for (const { requester, write, address } of faults) {
      expect([requester, write]).toEqual(["00:05.0", true]);
      expect(address >= BigInt(iova) && address < BigInt(iova) + 256n).toBe(true);
    }
  });

  it("is a write fault where the device may only read", async () => {
    const { unchanged, faults } = await play("read-only");
    expect(unchanged).toBe(true);
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.every(({ write, reason }) => write && reason === 5)).toBe(true);
  });

  it("is a fault after unmapping", async () => {
    const { unchanged, faults } = await play("after-unmap");
    expect(unchanged).toBe(true);
    expect(faults.length).toBeGreaterThan(0);
  });

  it("is a read fault for reads", async () => {
    const { faults } = await play("unmapped-read");
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.every(({ write, reason }) => !write && reason === 6)).toBe(true);
  });

  it("does not even begin after the device was closed in the middle of it", async () => {
    const { unchanged, faults } = await play("closed");
    expect(unchanged).toBe(true);
    expect(faults).toEqual([]);
  });

  it("does not even begin after the process that started it was killed", async () => {
    const { faults } = await play("killed");
    expect(faults).toEqual([]);
  });
});
