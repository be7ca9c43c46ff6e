import type { RunResult, Vm } from "@userpci/testbed";
import { testVm } from "@userpci/testbed/vitest";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type BackendName, machineOf } from "../harness/backend.ts";
import { bindScript } from "../harness/bind-script.ts";
import { prepare } from "../harness/host.ts";
import { addressIn, unplugAt as at, inSlots, portOf, type Slot } from "../machines.ts";
import type { Work } from "./owner.ts";
import { OwnerProcess } from "./owner-process.ts";

let vm: Vm;
let owner: OwnerProcess;

const shell = (line: string): Promise<RunResult> => vm.run(["/bin/sh", "-c", line], { check: true });
const isThere = async (address: string): Promise<boolean> =>
  (await vm.run(["test", "-e", `/sys/bus/pci/devices/${address}`])).code === 0;
const isGone = (address: string): Promise<void> =>
  expect.poll(() => isThere(address), { timeout: 20_000 }).toBe(false);

/** Has a device in every slot, ready to be opened by the ordinary user. */
async function fillSlots(machine: string): Promise<void> {
  for (const device of inSlots) await vm.qmp("device_add", device);
  const all = inSlots.map(({ bus }) => `/sys/bus/pci/devices/${addressIn(bus as Slot)}`);
  await shell(
    `for i in $(seq 200); do ls -d ${all.join(" ")} >/dev/null 2>&1 && exit; sleep 0.1; done; exit 1`,
  );
  await prepare(vm, machine);
}

/** Asks for the device in a slot, as the button beside it does. */
const unplug = (slot: Slot): Promise<unknown> => vm.qmp("device_del", { id: `in-${slot}` });

/** Errors that QEMU injects, which the kernel tells of. */
function errorTests(): void {
  const inject = (id: string, error: string): Promise<unknown> =>
    vm.qmp("human-monitor-command", { "command-line": `pcie_aer_inject_error ${id} ${error}` });

  const rows = [
    {
      who: "a device that times out",
      slot: "timeout",
      id: "in-timeout",
      injected: "COMP_TIME",
      counted: { address: addressIn("timeout"), severity: "nonfatal", error: "completionTimeout" },
    },
    {
      who: "a port that loses its link",
      slot: "link",
      id: "link",
      injected: "DLP",
      counted: { address: portOf("link"), severity: "fatal", error: "dataLinkProtocol" },
    },
  ] as const;
  for (const { who, slot, id, injected, counted } of rows) {
    it(`an error of ${who} reaches the driver with its name, and the device is opened again`, async () => {
      await owner.open(slot, addressIn(slot), "idle", "close");
      await inject(id, injected);
      await owner.hears(slot, "error");
      const report = JSON.parse(owner.says(slot)[1]!.slice("error ".length));
      expect(report.counted).toContainEqual({ ...counted, count: expect.any(Number) });
      owner.order({ close: slot });
      await owner.hears(slot, "closed");
      await owner.open(slot, addressIn(slot), "idle", "close");
      owner.order({ close: slot });
    });
  }
}

/** Devices that the system wants back while their drivers are at something. */
function busyTests(): void {
  it.each<Work>(["idle", "polling", "waiting", "dma"])(
    "a device that is unplugged while its driver is %s is closed, and goes",
    async (work) => {
      await owner.open(work, addressIn(work), work, "close");
      await unplug(work);
      await owner.hears(work, "closed");
      expect(owner.says(work)).toEqual(["ready", "asked 1, closing, answers", "closed"]);
      await isGone(addressIn(work));
    },
  );

  it("a device that is unplugged while nobody listens is closed with a warning", async () => {
    await owner.open("silent", addressIn("silent"), "idle");
    await unplug("silent");
    await owner.hears("silent", "closed");
    expect(owner.says("silent")).toEqual(["ready", "closed"]);
    await isGone(addressIn("silent"));
    expect(owner.takeErrors()).toMatch(
      /\[USERPCI_RELEASE\].* the system wants 0000:05:00\.0 back .*; it was closed/,
    );
  });

  it("a device that is removed from the bus in the middle of DMA is closed, and found again", async () => {
    await owner.open("removed", at.removed, "dma", "close");
    await shell(`echo 1 >/sys/bus/pci/devices/${at.removed}/remove`);
    await owner.hears("removed", "closed");
    expect(owner.says("removed")).toEqual(["ready", "asked 1, closing, answers", "closed"]);
    expect(await isThere(at.removed)).toBe(false);
    await shell("echo 1 >/sys/bus/pci/rescan");
    await shell(bindScript([at.removed]));
    await owner.open("removed", at.removed, "idle", "close");
    owner.order({ close: "removed" });
  });
}

/** A device that is wanted back and kept, the tests `meanwhile`, and the end of it. */
function ignoringTests(meanwhile: () => void): void {
  it("a request that is ignored leaves the device as it is", async () => {
    await owner.open("ignored", addressIn("ignored"), "polling", "keep");
    await unplug("ignored");
    await owner.hears("ignored", "asked 1, kept, answers");
  });

  meanwhile();

  it("a device whose request was ignored is asked for again, and goes when its owner closes it", async () => {
    const address = addressIn("ignored");
    await owner.hears("ignored", "asked 2");
    // The kernel asks every 10 s, and the tests in between may have taken longer.
    const [ready, ...asked] = owner.says("ignored");
    expect(ready).toBe("ready");
    expect(asked.length).toBeGreaterThanOrEqual(2);
    expect(asked).toEqual(asked.map((_, index) => `asked ${index + 1}, kept, answers`));
    expect(await isThere(address)).toBe(true);
    owner.order({ close: "ignored" });
    expect(await owner.end()).toBe(0);
    await isGone(address);
    expect(owner.takeErrors()).toBe("");
  });
}

/** A device that leaves vfio-pci. */
function unbindTests(): void {
  it("a device that another driver is to have is closed in the middle of DMA, and let go of", async () => {
    await owner.open("unbound", at.unbound, "dma", "close");
    await shell(`echo ${at.unbound} >/sys/bus/pci/drivers/vfio-pci/unbind`);
    await owner.hears("unbound", "closed");
    expect(owner.says("unbound")).toEqual(["ready", "asked 1, closing, answers", "closed"]);
  });
}

/** The tests of one backend, on the machine that has it. */
export function unplugTests(backend: BackendName): void {
  beforeAll(async () => {
    const machine = machineOf(backend, "unplug");
    vm = await testVm(machine);
    owner = new OwnerProcess(vm, backend);
    await fillSlots(machine);
  });
  afterAll(() => owner?.kill());

  busyTests();
  // The kernel asks again after 10 s, which the tests between use. It takes no other device off a bus meanwhile.
  ignoringTests(() => {
    errorTests();
    unbindTests();
  });
}
