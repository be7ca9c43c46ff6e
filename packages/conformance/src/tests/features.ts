import { type BackendDevice, type FeatureName, type IommuDomain, optionalFeatures } from "@userpci/interface";
import type { Chapter } from "../suite.ts";
import { withBackend, withDevice } from "./scene.ts";

/** Indexes of `VFIO_DEVICE_FEATURE_*`, with the direction in which each is used. */
const indexes: Partial<Record<FeatureName, readonly [index: number, operation: "get" | "set"]>> = {
  "vf-token": [0, "set"],
  migration: [1, "get"],
  "low-power": [3, "set"],
  "low-power-wakeup": [4, "set"],
  "dma-logging": [6, "set"],
  "migration-size": [9, "get"],
  "dma-buf": [11, "get"],
};

/** What is optional: there, or refused with what would bring it. */
export const featureTests: Chapter = {
  "a feature is there or says what would bring it": (trial) =>
    withDevice(trial, (device) => {
      const { features: expected } = trial.subject;
      const { features } = device;
      trial.check("the backend answers for its features", features !== undefined || expected.length === 0);
      for (const name of Object.keys(optionalFeatures) as FeatureName[]) {
        const there = expected.includes(name);
        trial.check(`has("${name}") is ${there}`, (features?.has(name) ?? false) === there);
        if (features === undefined) continue;
        const need = () => features.need(name);
        if (there) trial.expect(`need("${name}")`, need, "ok");
        else trial.expectAbsent(name, `need("${name}")`, need);
      }
    }),

  "an absent feature of VFIO is refused whatever is asked of it": (trial) =>
    withDevice(trial, (device) => {
      for (const [key, [index, operation]] of Object.entries(indexes)) {
        const name = key as FeatureName;
        const probe = () => device.feature("probe", index);
        if (trial.subject.features.includes(name)) {
          trial.expect(`probe of "${name}"`, probe, "ok");
          continue;
        }
        trial.expectAbsent(name, `probe of "${name}"`, probe);
        const use = () => device.feature(operation, index, new Uint8Array(32));
        trial.expectAbsent(name, `${operation} of "${name}"`, use);
      }
    }),

  "an absent feature is refused in every way that the backend has to use it": (trial) =>
    withDevice(trial, (device) => {
      const { features, uses } = trial.subject;
      if (uses === undefined) return trial.leaveOut("uses of absent features", "the subject names none");
      for (const [key, each] of Object.entries(uses)) {
        const name = key as FeatureName;
        if (features.includes(name)) continue;
        for (const [i, use] of each.entries()) {
          trial.expectAbsent(name, `use ${i + 1} of "${name}"`, () => use(device));
        }
      }
    }),

  "a domain with dirty tracking takes only devices whose IOMMU has it": (trial) =>
    withBackend(trial, async (backend) => {
      const { main, features } = trial.subject;
      const attempt = async (open: (domain: IommuDomain) => Promise<BackendDevice>): Promise<void> => {
        const device = await open(backend.createDomain({ dirtyTracking: true }));
        await device.close();
        await device.domain.close();
      };
      const outcome = features.includes("dirty-tracking") ? "ok" : "ERR_NOT_SUPPORTED";
      const what = "open into a domain with dirty tracking";
      await trial.expectAsync(
        what,
        () => attempt((domain) => backend.open(main.address, { domain })),
        outcome,
      );
      const sync = async (domain: IommuDomain) => backend.openSync(main.address, { domain });
      await trial.expectAsync(`${what}, sync`, () => attempt(sync), outcome);
      trial.expect("createDomain(5)", () => backend.createDomain(5 as never), "ERR_INVALID_ARGUMENT");
      const wrong = { dirtyTracking: "yes" as never };
      trial.expect(
        "dirty tracking that is no boolean",
        () => backend.createDomain(wrong),
        "ERR_INVALID_ARGUMENT",
      );
    }),

  "what is no feature is refused": (trial) =>
    withDevice(trial, (device) => {
      const ask = () => device.features?.has("telepathy" as FeatureName);
      trial.expect("has() of no feature", ask, device.features === undefined ? "ok" : "ERR_INVALID_ARGUMENT");
      const guess = () => device.feature("guess" as "probe", 0);
      trial.expect("a feature's operation that is none", guess, "ERR_INVALID_ARGUMENT");
    }),
};
