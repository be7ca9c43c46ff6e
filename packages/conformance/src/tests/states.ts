import { type BackendDevice, irqKinds, regionIndex } from "@userpci/interface";
import type { Chapter } from "../suite.ts";
import type { Outcome, Trial } from "../trial.ts";
import { decode, withBackend, withDevice } from "./scene.ts";

/** A method, with what it comes to while the device is open, wanted back, being reset, and closed. */
export interface Row<T = unknown> {
  readonly what: string;
  readonly call: (device: BackendDevice) => T;
  readonly open: Outcome;
  /** While the system waits for it to be closed; as when it is open, if nothing is said. */
  readonly wanted?: Outcome;
  /** Null where the contract leaves it open. */
  readonly resetting?: Outcome | null;
  readonly closed?: Outcome;
}

/** Methods that answer at once, and alike on every subject. Those without an outcome for a state are refused there as the contract says. */
const methods: readonly Row[] = [
  { what: "regionInfo(config)", call: (device) => device.regionInfo(regionIndex.config), open: "ok" },
  { what: "regionInfo(-1)", call: (device) => device.regionInfo(-1), open: "ERR_OUT_OF_RANGE" },
  { what: "regionInfo(64)", call: (device) => device.regionInfo(64), open: "ERR_OUT_OF_RANGE" },
  { what: "regionInfo(0.5)", call: (device) => device.regionInfo(0.5), open: "ERR_INVALID_ARGUMENT" },
  { what: "region(config)", call: (device) => device.region(regionIndex.config), open: "ok" },
  { what: "region(vga)", call: (device) => device.region(regionIndex.vga), open: "ERR_NOT_SUPPORTED" },
  {
    what: "mapRegion(config)",
    call: (device) => device.mapRegion(regionIndex.config),
    open: "ERR_NOT_SUPPORTED",
  },
  ...irqKinds.map((kind) => ({
    what: `irqInfo(${kind})`,
    call: (device: BackendDevice) => device.irqInfo(kind),
    open: "ok",
  })),
  {
    what: "irqInfo of no kind",
    call: (device) => device.irqInfo("smoke" as "msi"),
    open: "ERR_INVALID_ARGUMENT",
  },
  { what: "createIrqTarget()", call: (device) => device.createIrqTarget().close(), open: "ok" },
  { what: "setIrqs(msix, 0, [])", call: (device) => device.setIrqs("msix", 0, []), open: "ERR_OUT_OF_RANGE" },
  {
    what: "setIrqs(msix) past the last",
    call: (device) => device.setIrqs("msix", device.irqInfo("msix").count, [null]),
    open: "ERR_IRQ_COUNT",
  },
  {
    what: "setIrqs(msix) with a target of somebody else's",
    call: (device) => device.setIrqs("msix", 0, [{} as never]),
    open: "ERR_INVALID_ARGUMENT",
  },
  {
    what: "disableIrqs(msix), off",
    call: (device) => device.disableIrqs("msix"),
    open: "ok",
    resetting: "ok",
  },
  { what: "maskIrqs(msix), off", call: (device) => device.maskIrqs("msix", 0, 1), open: "ERR_NOT_SUPPORTED" },
  {
    what: "triggerIrqs(msix), off",
    call: (device) => device.triggerIrqs("msix", 0, 1),
    open: "ERR_NOT_SUPPORTED",
  },
  { what: "resetSync()", call: (device) => device.resetSync(), open: "ok", wanted: "ERR_BUSY" },
  { what: "hotResetInfo()", call: (device) => device.hotResetInfo(), open: "ok" },
  { what: "hotResetSync()", call: (device) => device.hotResetSync(), open: "ok", wanted: "ERR_BUSY" },
  {
    what: "feature(probe, 65536)",
    call: (device) => device.feature("probe", 65_536),
    open: "ERR_OUT_OF_RANGE",
  },
  { what: "feature(probe, 999)", call: (device) => device.feature("probe", 999), open: "ERR_NOT_SUPPORTED" },
  { what: "relax()", call: (device) => device.relax(), open: "ok", resetting: "ok", closed: "ok" },
];

/** Masking of INTx while it is off. */
const intxMasking = (open: Outcome, resetting: Outcome | null): readonly Row[] => [
  { what: "maskIrqs(intx), off", call: (device) => device.maskIrqs("intx", 0, 1), open },
  {
    what: "unmaskIrqs(intx), off",
    call: (device) => device.unmaskIrqs("intx", 0, 1),
    open,
    resetting,
  },
  {
    what: "setUnmaskTarget(intx), off",
    call: (device) => device.setUnmaskTarget("intx", 0, null),
    open,
  },
];

/** All methods that answer at once, with what they come to on the subject's main function. */
export function methodsOf(trial: Trial, { features }: BackendDevice): readonly Row[] {
  const { bar, vectors } = trial.subject.main;
  // Unmasking is put off until a reset is over; whether what is not there is refused before that is the backend's choice.
  const masking =
    vectors.intx > 0 ? intxMasking("ERR_NOT_SUPPORTED", "ok") : intxMasking("ERR_IRQ_COUNT", null);
  const rows: Row[] = [
    ...methods,
    { what: "mapRegion of a BAR", call: (device) => device.mapRegion(bar).close(), open: "ok" },
    ...masking,
  ];
  if (features === undefined) trial.leaveOut("features.list()", "the backend's devices have no features");
  else rows.push({ what: "features.list()", call: () => features.list(), open: "ok" });
  return rows;
}

/** Methods that answer by a promise. */
export const promises: readonly Row<Promise<unknown>>[] = [
  { what: "reset()", call: (device) => device.reset(), open: "ok", wanted: "ERR_BUSY" },
  { what: "hotReset()", call: (device) => device.hotReset(), open: "ok", wanted: "ERR_BUSY" },
];

/** Every method of a device in every state. */
export const stateTests: Chapter = {
  "every method of an open device": (trial) =>
    withDevice(trial, async (device) => {
      for (const { what, call, open } of methodsOf(trial, device)) {
        trial.expect(`${what}, open`, () => call(device), open);
      }
      for (const { what, call, open } of promises) {
        await trial.expectAsync(`${what}, open`, () => call(device), open);
      }
    }),

  "every method while the device is being reset": (trial) =>
    withDevice(trial, async (device) => {
      decode(device);
      const bar = device.mapRegion(trial.subject.main.bar);
      const config = device.region(regionIndex.config);
      const methods = methodsOf(trial, device);
      const reset = device.reset();
      for (const { what, call, resetting = "ERR_RESETTING" } of methods) {
        if (resetting !== null) trial.expect(`${what}, resetting`, () => call(device), resetting);
      }
      for (const { what, call } of promises) {
        await trial.expectAsync(`${what}, resetting`, () => call(device), "ERR_RESETTING");
      }
      trial.expect("mapped read, resetting", () => bar.read32(0), "ERR_RESETTING");
      trial.expect("mapped write, resetting", () => bar.write32(0, 0), "ERR_RESETTING");
      trial.expect("config read, resetting", () => config.read32(0), "ERR_RESETTING");
      trial.expect("config write, resetting", () => config.write16(4, 0), "ERR_RESETTING");
      trial.expect("closeSync(), resetting", () => device.closeSync(), "ERR_BUSY");
      await reset;
      trial.observe("it answers when it is over", config.read32(0), trial.subject.main.ids);
    }),

  "every method while the device is being closed, and after": (trial) =>
    withBackend(trial, async (backend) => {
      for (const wait of [false, true]) {
        const when = wait ? "closed" : "closing";
        const device = await backend.open(trial.subject.main.address);
        decode(device);
        const bar = device.mapRegion(trial.subject.main.bar);
        const config = device.region(regionIndex.config);
        const methods = methodsOf(trial, device);
        const closing = device.close();
        if (wait) await closing;
        for (const { what, call, closed = "ERR_CLOSED" } of methods) {
          trial.expect(`${what}, ${when}`, () => call(device), closed);
        }
        const calls = promises.map(({ what, call }) =>
          trial.expectAsync(`${what}, ${when}`, () => call(device), "ERR_CLOSED"),
        );
        trial.expect(`mapped read, ${when}`, () => bar.read32(0), "ERR_CLOSED");
        trial.expect(`mapped write, ${when}`, () => bar.write32(0, 0), "ERR_CLOSED");
        trial.expect(`config read, ${when}`, () => config.read32(0), "ERR_CLOSED");
        trial.expect(`bar.close(), ${when}`, () => bar.close(), "ok");
        trial.expect(`closeSync(), ${when}`, () => device.closeSync(), wait ? "ok" : "ERR_BUSY");
        await trial.expectAsync(`close(), ${when}`, () => device.close(), "ok");
        await Promise.all([closing, ...calls]);
      }
    }),
};
