import { rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { planBinding } from "./plan.ts";
import { planRelease, planRestore } from "./plan-release.ts";
import { commandOf, type PlannedStep } from "./planned-step.ts";
import {
  BRIDGE,
  EDU,
  failure,
  NIC,
  OLD,
  useFakeSystem,
  WITH_VFS,
  WITHOUT_IOMMU,
} from "./testing/fake-system.ts";
import { writeMachine } from "./testing/machine.ts";

const system = useFakeSystem();
const PAIRED = "0000:01:00.1";

/** What a plan says will be written, as the fake kernel's log has it. */
const writes = (steps: readonly PlannedStep[]): string[] =>
  steps.flatMap(({ step, path, text }) => {
    if (step === "module") return `modprobe ${text}`;
    return path === null || text === null ? [] : `${path} < ${text.trim()}`;
  });

/** What was written, but for owners of nodes. */
const written = (): string[] => system().kernel.log.filter((line) => !line.startsWith("/dev/"));

const pair = (group = 6) =>
  writeMachine(system().root, {
    functions: [{ address: PAIRED, id: "8086:10d3", classCode: 0x020000, driver: "e1000e", group }],
  });

describe("planBinding", () => {
  it.each([
    ["a function on a driver", NIC, {}],
    ["a function without a driver, for a user", EDU, { user: "alice" }],
    ["a kernel without driver_override", OLD, {}],
  ])("of %s says what bind then writes", async (_, address, options) => {
    const { steps } = await planBinding(address, { root: system().root, ...options });
    await system().bind(address, options);
    expect(writes(steps)).toEqual(written());
    expect(steps.map(({ what }) => what)).not.toContain("");
    const permits = steps.filter(({ step }) => step === "permit");
    expect(permits).toHaveLength("user" in options ? 1 : 0);
  });

  it("says what bindGroup writes, and that vfio-pci is loaded first", async () => {
    pair();
    rmSync(system().path("/sys/bus/pci/drivers/vfio-pci"), { recursive: true });
    system().kernel.modules.add("vfio-pci");
    const plan = await planBinding(PAIRED, { root: system().root, group: true });
    expect(plan).toMatchObject({ address: PAIRED, group: 6, refusals: [], risks: [] });
    expect(plan.functions.map(({ address }) => address)).toEqual([NIC, PAIRED]);
    expect(plan.functions[0]).toMatchObject({ driver: "e1000e", origin: { by: null } });
    const bindings = await system().bindGroup(PAIRED);
    expect(bindings.map(({ address, changed }) => [address, changed])).toEqual([
      [NIC, true],
      [PAIRED, true],
    ]);
    // The second finds it loaded.
    const planned = writes(plan.steps);
    expect(planned.filter((line, index) => planned.indexOf(line) === index)).toEqual(written());
    expect(await planBinding(PAIRED, { root: system().root, group: true })).toMatchObject({ steps: [] });
  });

  it("is a list of commands that do the same", async () => {
    const { steps } = await planBinding(NIC, system());
    expect(steps.map(commandOf)).toEqual([
      null,
      `echo vfio-pci >/sys/bus/pci/devices/${NIC}/driver_override`,
      `echo ${NIC} >/sys/bus/pci/devices/${NIC}/driver/unbind`,
      `echo ${NIC} >/sys/bus/pci/drivers_probe`,
      null,
    ]);
    await system().bind(NIC);
    const release = await planRelease(NIC, system());
    expect(commandOf(release.steps[0]!)).toBe(`echo >/sys/bus/pci/devices/${NIC}/driver_override`);
  });

  it.each([
    [BRIDGE, "ERR_BIND_REFUSED"],
    [WITH_VFS, "ERR_BIND_REFUSED"],
    [WITHOUT_IOMMU, "ERR_NO_IOMMU"],
  ])("says of %s why bind will not: %s", async (address, code) => {
    const { refusals } = await planBinding(address, system());
    const error = await failure(system().bind(address));
    expect(refusals).toEqual([{ address, code, message: error.message, hint: error.hint }]);
  });

  it("says of a function that is gone that it does not answer, and not that it is a bridge", async () => {
    writeMachine(system().root, {
      functions: [{ address: PAIRED, id: "ffff:ffff", group: 9, config: new Uint8Array(64).fill(0xff) }],
    });
    const { refusals } = await planBinding(PAIRED, { root: system().root });
    expect(refusals).toEqual([
      {
        address: PAIRED,
        code: "ERR_BIND_REFUSED",
        message: `${PAIRED} does not answer: it was unplugged, or its link is down`,
        hint: `echo 1 | sudo tee /sys/bus/pci/devices/${PAIRED}/remove\necho 1 | sudo tee /sys/bus/pci/rescan`,
      },
    ]);
  });

  it("says that another user has a node, and tells the member of a group that is no PCI function", async () => {
    await system().bind(NIC, { user: "alice" });
    pair();
    const taken = await planBinding(PAIRED, { root: system().root, user: 2000 });
    expect(taken.refusals).toMatchObject([{ code: "ERR_NODE_TAKEN" }]);
    const others = { "AMDI0030:00": "amd_gpio" };
    writeMachine(system().root, { functions: [], groups: [{ number: 6, others }] });
    const plan = await planBinding(PAIRED, { root: system().root, group: true });
    expect(plan.refusals).toMatchObject([
      { code: "ERR_BIND_REFUSED", message: expect.stringContaining("AMDI0030:00 (amd_gpio)") },
    ]);
    expect(await failure(system().bindGroup(PAIRED))).toMatchObject({ code: "ERR_BIND_REFUSED" });
  });

  it("tells that the group is of no use without its other members", async () => {
    pair();
    const { risks } = await planBinding(NIC, system());
    expect(risks).toMatchObject([{ kind: "group", refuses: false, fix: `sudo userpci bind ${NIC} --group` }]);
  });
});

describe("bindGroup", () => {
  it("binds all members or none", async () => {
    pair();
    system().kernel.failOnce(new RegExp(`${PAIRED}/driver_override$`), "EIO");
    expect(await failure(system().bindGroup(NIC))).toMatchObject({ code: "EIO" });
    expect([NIC, PAIRED].map((address) => system().driverOf(address))).toEqual(["e1000e", "e1000e"]);
    expect(await system().overrideOf(NIC)).toBeNull();
    await system().bindGroup(NIC, { user: "alice" });
    expect(system().journal(NIC)).toMatchObject({ together: [NIC, PAIRED], doing: null, user: 1000 });
  });
});

describe("planRelease", () => {
  it("says what unbind then writes", async () => {
    writeFileSync(system().path(`/sys/bus/pci/devices/${NIC}/driver_override`), "e1000e\n");
    await system().bind(NIC, { user: "alice" });
    system().addHolder();
    const plan = await planRelease("01:00.0", system());
    expect(plan).toMatchObject({
      address: NIC,
      driver: "vfio-pci",
      origin: { by: "userpci", formerDriver: "e1000e", override: "vfio-pci" },
      cutShort: null,
      holders: [{ pid: 41 }],
    });
    expect(plan.steps.filter(({ step }) => step === "permit")).toMatchObject([{ path: "/dev/vfio/6" }]);
    system().kernel.log.length = 0;
    await system().unbind(NIC);
    expect(writes(plan.steps)).toEqual(written());
    expect(await planRelease(NIC, system())).toMatchObject({ steps: [] });
  });

  it("of restore is about what was cut short, what is gone, and all", async () => {
    await system().bind(NIC, { user: "alice" });
    await system().bind(EDU);
    const { root } = system();
    expect(await planRestore(null, { root })).toEqual([]);
    const doing = { action: "bind", step: "release", since: "2026-01-01T00:00:00Z" };
    writeFileSync(system().journalPath(NIC), JSON.stringify({ ...system().journal(NIC), doing }));
    expect(await planRestore(null, { root })).toMatchObject([
      { address: NIC, cutShort: { step: "release" } },
    ]);
    rmSync(system().path(`/sys/bus/pci/devices/${NIC}`));
    const plans = await planRestore(null, { root, all: true });
    expect(plans.map(({ address, steps }) => [address, steps.map(({ step }) => step)])).toEqual([
      [EDU, ["override", "release", "journal"]],
      [NIC, ["permit", "journal"]],
    ]);
    expect(plans[1]).toMatchObject({ origin: null });
  });
});
