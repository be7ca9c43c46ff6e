import type { Vm } from "@userpci/testbed";
import { testVm } from "@userpci/testbed/vitest";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type BackendName, machineOf } from "../harness/backend.ts";
import { prepare } from "../harness/host.ts";
import { pulledAt, type pulledWorks } from "../machines.ts";
import { OwnerProcess } from "./owner-process.ts";
import { prepareOnes, pullOut } from "./slot.ts";

type PulledWork = (typeof pulledWorks)[number];

let vm: Vm;
let owner: OwnerProcess;

const isThere = async (address: string): Promise<boolean> =>
  (await vm.run(["test", "-e", `/sys/bus/pci/devices/${address}`])).code === 0;

/** Opens a device, lets it be worked with for a while, and takes it out. Resolves with its name in what the owner says. */
async function workAndPull(work: PulledWork, how: "seen" | "unseen"): Promise<string> {
  const { device, port } = pulledAt(work, how);
  const name = `${work}-${how}`;
  const inWorker = work === "worker";
  await owner.start({ open: device, name, work: inWorker ? "polling" : work, release: "close", inWorker });
  await pullOut(vm, port, how === "seen");
  return name;
}

/** What the kernel has logged of a device that went, if it has: that its slot is empty, and that the user is asked to close it. */
async function kernelSaw(work: PulledWork, how: "seen" | "unseen"): Promise<readonly boolean[]> {
  const { device, port } = pulledAt(work, how);
  const log = await vm.kernelLog();
  const lines = [
    `${port}: pciehp: Slot\\(.*\\): Card not present`,
    `${device}: Relaying device request to user`,
  ];
  return lines.map((line) => new RegExp(line).test(log));
}

/** What a driver is told that reads a register of a device that has gone. */
const lost = (address: string) =>
  expect.stringMatching(
    new RegExp(
      `^lost: ${address} no longer answers: offset 0x[0-9a-f]+ of BAR 0 found nobody; close the device`,
    ),
  );

function unseenTests(): void {
  it.each<PulledWork>(["polling", "worker", "dma"])(
    "a device that goes unseen while its driver reads registers (%s) is lost to the next read, and can be closed",
    async (work) => {
      const name = await workAndPull(work, "unseen");
      await owner.hears(name, "closed");
      expect(owner.says(name)).toEqual(["ready", lost(pulledAt(work, "unseen").device), "closed"]);
    },
  );

  it.each<PulledWork>(["idle", "waiting"])(
    "a device that goes unseen while its driver reads no register (%s) is told to nobody, and can be closed",
    async (work) => {
      const name = await workAndPull(work, "unseen");
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(owner.says(name)).toEqual(["ready"]);
      owner.order({ close: name });
      await owner.hears(name, "closed");
      expect(owner.says(name)).toEqual(["ready", "closed"]);
      expect(await kernelSaw(work, "unseen")).toEqual([false, false]);
    },
  );
}

function seenTests(): void {
  it.each<PulledWork>(["idle", "waiting"])(
    "a device that the kernel sees go while its driver is %s is told, when it is gone already, closed, and removed",
    async (work) => {
      const name = await workAndPull(work, "seen");
      await owner.hears(name, "closed");
      expect(owner.says(name)).toEqual(["ready", "asked 1, closing, gone", "closed"]);
      expect(await kernelSaw(work, "seen")).toEqual([true, true]);
      await expect.poll(() => isThere(pulledAt(work, "seen").device), { timeout: 20_000 }).toBe(false);
    },
  );

  it.each<PulledWork>(["polling", "worker", "dma"])(
    "a device that the kernel sees go while its driver reads registers (%s) is lost or closed, whichever is first, and removed",
    async (work) => {
      const { device } = pulledAt(work, "seen");
      const name = await workAndPull(work, "seen");
      await owner.hears(name, "closed");
      const [ready, ...more] = owner.says(name);
      expect([ready, more.at(-1)]).toEqual(["ready", "closed"]);
      const between = [lost(device), "asked 1, closing, gone"];
      for (const line of more.slice(0, -1)) expect(between).toContainEqual(line);
      await expect.poll(() => isThere(device), { timeout: 20_000 }).toBe(false);
    },
  );
}

/** Devices that go without asking: the tests of one backend, on the machine that has it. */
export function pulledTests(backend: BackendName): void {
  beforeAll(async () => {
    const machine = machineOf(backend, "pulled");
    vm = await testVm(machine);
    await prepare(vm, machine);
    await prepareOnes(vm);
    owner = new OwnerProcess(vm, backend);
  });
  afterAll(() => owner?.kill());

  unseenTests();
  seenTests();

  it("the process that has lost them all has crashed of none, and holds nothing of them", async () => {
    owner.order({ holdings: "after" });
    await owner.hears("after", "{");
    const { descriptors, mappings, pinned } = JSON.parse(owner.says("after")[0]!);
    expect(Object.keys(descriptors).filter((file) => /vfio|iommu|userpci-dma/.test(file))).toEqual([]);
    expect({ mappings, pinned }).toEqual({ mappings: 0, pinned: 0 });
    expect(await owner.end()).toBe(0);
    expect(owner.takeErrors()).toBe("");
  });
}
