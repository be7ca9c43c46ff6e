import { conformance, type Subject, type SubjectFunction } from "@userpci/conformance";
import { type DeviceModel, EmulatedMachine, emulated } from "@userpci/device-model";
import { edu } from "@userpci/edu/model";
import { nvme } from "@userpci/nvme/model";
import { afterAll, describe, expect, it } from "vitest";
import { roundTrip, startEdu } from "../vm/harness/edu-registers.ts";
import { controller } from "./controller.ts";

/** The functions of the machine that the kernel's backends are tried on, as models. */
const at = {
  main: "0000:01:00.0",
  edu: "0000:00:04.0",
  wideEdu: "0000:00:05.0",
  pair: ["0000:02:01.0", "0000:02:02.0"],
} as const;

const noVectors = { intx: 0, msi: 0, msix: 0, err: 0, req: 1 };
const eduFunction = (address: string): SubjectFunction => ({
  address,
  ids: 0x11e8_1234,
  resettable: false,
  vectors: { ...noVectors, intx: 1, msi: 1 },
  bar: 0,
});

/** A machine whose main function is `model`. */
const machineWith = (model: DeviceModel) =>
  new EmulatedMachine({
    [at.main]: model,
    [at.edu]: edu(),
    [at.wideEdu]: edu({ addressBits: 64 }),
    [at.pair[0]]: { ...edu(), busReset: true },
    [at.pair[1]]: { ...edu(), busReset: true },
  });

const subjectOf = (machine: EmulatedMachine, { config }: DeviceModel): Subject => ({
  backend: "emulated",
  create: () => emulated(machine),
  main: {
    address: at.main,
    ids: config.deviceId * 0x1_0000 + config.vendorId,
    resettable: true,
    vectors: { ...noVectors, intx: 1, msix: 65, err: 1 },
    bar: 0,
    msixTable: { region: 0, offset: 0x2000 },
  },
  withoutReset: eduFunction(at.edu),
  pair: [eduFunction(at.pair[0]), eduFunction(at.pair[1])],
  copier: {
    address: at.wideEdu,
    addressBits: 64,
    start(device) {
      const bar = startEdu(device);
      return { most: 4096, copy: (from, to, size) => roundTrip(bar, from, to, size) };
    },
  },
  unplug: {
    remove: () => machine.functions.get(at.main)!.remove(),
    restore: async () => machine.functions.get(at.main)!.replug(),
  },
  missing: "0000:00:1e.7",
  malformed: "",
  pageSize: 4096,
  reserved: { start: 0xfee0_0000n, last: 0xfeef_ffffn },
  features: ["reset", "hot-reset", "msix-resize", "dirty-tracking"],
  // A device here has nothing beyond the contract.
  uses: {},
});

/**
 * As on the kernel's container, 556, but for what is declared otherwise: 4 optional features that are there instead of 6, and
 * of those 7 that the kernel has by number none (+11), no ways of its own to use the absent ones (-16), and an MSI-X table that is
 * guarded (+2).
 */
const OBSERVATIONS = 557;

describe.each([
  ["registers that keep what is written", controller()],
  ["NVMe with doorbells that are trapped", nvme({ queues: 64 })],
  ["NVMe with doorbells that are mapped", nvme({ queues: 64, doorbells: "mapped" })],
])("on %s:", (_what, model) => {
  const machine = machineWith(model);
  afterAll(() => machine.close());
  const lines: string[] = [];
  const tests = conformance(subjectOf(machine, model), { report: (line) => lines.push(line) });
  for (const { name, run } of tests) it(name, run);

  it("nothing is left out, and nothing differs", () => {
    expect(lines).toEqual([
      `emulated: 49 tests, ${OBSERVATIONS} observations, 0 listed differences met, 11 absent features refused`,
    ]);
  });
});
