import type { Backend, BackendDevice, OpenOptions } from "@userpci/interface";
import { regionIndex } from "@userpci/interface";
import type { Chapter } from "../suite.ts";
import type { Trial } from "../trial.ts";
import { withBackend, withDevice } from "./scene.ts";

const TOKEN = "14d63f20-8445-11ea-8900-1f9ce7d5650d";

/** Opening in both forms, which must refuse alike. What opens after all is closed. */
async function refuse(
  trial: Trial,
  backend: Backend,
  what: string,
  address: unknown,
  options: unknown,
  outcome: string,
): Promise<void> {
  const open = async () => (await backend.open(address as string, options as OpenOptions)).close();
  const openSync = () => backend.openSync(address as string, options as OpenOptions).closeSync();
  await trial.expectBoth(what, open, openSync, outcome);
}

/** Opening, by both forms, and what is refused. */
export const openTests: Chapter = {
  "a function opens in both forms and says what it is": (trial) =>
    withBackend(trial, async (backend) => {
      const { main } = trial.subject;
      for (const open of [() => backend.open(main.address), async () => backend.openSync(main.address)]) {
        const device = await open();
        trial.check("the backend's name is the subject's", device.backend === trial.subject.backend);
        trial.observe("device.address", device.address === main.address, true);
        trial.observe(
          "config space begins with the ids",
          device.region(regionIndex.config).read32(0),
          main.ids,
        );
        trial.observe("info.resettable", device.info.resettable, main.resettable);
        trial.observe("info.regions covers config space", device.info.regions > regionIndex.config, true);
        trial.observe("a device has a domain of its own", device.ownsDomain, true);
        trial.observe("one device is attached to it", device.domain.attached, 1);
        trial.observe("device.closed, open", device.closed, false);
        await device.close();
        trial.observe("device.closed, after close", device.closed, true);
        trial.observe("its domain closed with it", device.domain.closed, true);
      }
    }),

  "what is no address or no options is refused before anything is touched": (trial) =>
    withBackend(trial, async (backend) => {
      const { malformed = "not an address" } = trial.subject;
      const { address } = trial.subject.main;
      const wrong: [string, unknown, unknown][] = [
        ["open(undefined)", undefined, {}],
        ["open(5)", 5, {}],
        ["open of no address", malformed, {}],
        ["open with null for options", address, null],
        ["open with a number for options", address, 5],
        ["open with null for a domain", address, { domain: null }],
        ["open with an object that is no domain", address, { domain: {} }],
        ["open with a token that is no UUID", address, { vfToken: "secret" }],
        ["open with a number for a token", address, { vfToken: 5 }],
        ["open with text for requireReset", address, { requireReset: "yes" }],
        ["open with an option that there is not", address, { requiresReset: true }],
      ];
      for (const [what, given, options] of wrong) {
        await refuse(trial, backend, what, given, options, "ERR_INVALID_ARGUMENT");
      }
    }),

  "a function that is not there, or must not be had, is refused": (trial) =>
    withBackend(trial, async (backend) => {
      const { main, missing, withoutReset } = trial.subject;
      await refuse(trial, backend, "open of a missing function", missing, {}, "ERR_NO_DEVICE");
      await refuse(
        trial,
        backend,
        "open with a token that is not wanted",
        main.address,
        { vfToken: TOKEN },
        "ERR_INVALID_ARGUMENT",
      );
      if (withoutReset === undefined) {
        trial.leaveOut("a reset that is required", "the subject has no function without one");
        return;
      }
      const options = { requireReset: true };
      await refuse(trial, backend, "open, reset required", withoutReset.address, options, "ERR_NO_RESET");
    }),

  "a function that is open is refused, and unharmed by it": (trial) =>
    withDevice(trial, async (device, backend) => {
      const { main } = trial.subject;
      await refuse(trial, backend, "open twice in one backend", main.address, {}, "ERR_DEVICE_BUSY");
      await withBackend(trial, async (other) => {
        await refuse(trial, other, "open twice in two backends", main.address, {}, "ERR_DEVICE_BUSY");
      });
      trial.observe("the first one still answers", device.region(regionIndex.config).read32(0), main.ids);
    }),

  "the functions of a group are in one domain": async (trial) => {
    const { pair } = trial.subject;
    if (pair === undefined) return trial.leaveOut("groups of two functions", "the subject has no pair");
    const [first, second] = pair.map(({ address }) => address) as [string, string];
    await withBackend(trial, async (backend) => {
      const domain = backend.createDomain();
      const other = backend.createDomain();
      const device = await backend.open(first, { domain });
      await refuse(trial, backend, "a group in two domains", second, { domain: other }, "ERR_GROUP_BUSY");
      await (await backend.open(second, { domain })).close();
      await device.close();
      // The domain, which has no device in it any more, is still open.
      const what = "a group whose devices are closed, in another domain";
      await refuse(trial, backend, what, second, { domain: other }, "ERR_GROUP_BUSY");
      await domain.close();
      await (await backend.open(second, { domain: other })).close();
    });
  },

  "a closed backend opens nothing, and has closed what it opened": async (trial) => {
    const { address } = trial.subject.main;
    for (const close of [
      async (backend: Backend) => backend.closeSync(),
      (backend: Backend) => backend.close(),
    ]) {
      const backend = trial.subject.create();
      let device: BackendDevice | undefined;
      try {
        device = await backend.open(address);
      } finally {
        await close(backend);
      }
      trial.observe("its device is closed", device.closed, true);
      await refuse(trial, backend, "open of a closed backend", address, {}, "ERR_CLOSED");
      trial.expect("createDomain of a closed backend", () => backend.createDomain(), "ERR_CLOSED");
      await trial.expectBoth(
        "close of a closed backend",
        () => backend.close(),
        () => backend.closeSync(),
        "ok",
      );
    }
  },

  "a backend closed while it opens a device leaves nothing open": async (trial) => {
    const backend = trial.subject.create();
    const opening = backend.open(trial.subject.main.address);
    const settled = trial.expectAsync("open, while the backend closes", () => opening, "ERR_CLOSED");
    await backend.close();
    await settled;
    await withDevice(trial, (device) => trial.check("it can be opened again", !device.closed));
  },
};
