import type { Backend } from "@userpci/interface";
import { expect, it } from "vitest";
import { openDevice, openDeviceSync } from "./open.ts";

/** A backend that nobody may come to. */
const backend = {
  open: () => expect.unreachable(),
  openSync: () => expect.unreachable(),
} as unknown as Backend;

it.each<[string, unknown, unknown, RegExp]>([
  ["no address", undefined, {}, /address must be a string, not undefined/],
  ["a number for an address", 4, {}, /address must be a string, not 4/],
  ["null for options", "00:04.0", null, /options must be an object, not null/],
  [
    "a name for a backend",
    "00:04.0",
    { backend: "vfio-group" },
    /backend must be an object, not "vfio-group"/,
  ],
  ["an object that is no backend", "00:04.0", { backend: {} }, /backend has no open/],
  ["an object that is no domain", "00:04.0", { domain: {} }, /domain has no attach\(\)/],
  ["null for a domain", "00:04.0", { domain: null }, /domain must be an object, not null/],
  ["a number for a token", "00:04.0", { vfToken: 5 }, /vfToken must be a string, not 5/],
  ["a string for a flag", "00:04.0", { requireReset: "yes" }, /requireReset must be a boolean, not "yes"/],
  ["a policy that is none", "00:04.0", { release: "wait" }, /release must be close or keep, not "wait"/],
  ["an option that there is not", "00:04.0", { dmabits: 28 }, /openDevice has no option "dmabits"/],
  ["a bigint for a width", "00:04.0", { dmaBits: 32n }, /dmaBits must be an integer, not 32n/],
])("openDevice refuses %s before it opens anything", async (_what, address, options, message) => {
  const given = (options === null ? null : { backend, ...(options as object) }) as never;
  const refused = expect.objectContaining({
    code: "ERR_INVALID_ARGUMENT",
    message: expect.stringMatching(message),
    hint: expect.stringMatching(/./),
  });
  await expect(openDevice(address as never, given)).rejects.toEqual(refused);
  expect(() => openDeviceSync(address as never, given)).toThrow(refused);
});

it.each<[unknown, RegExp]>([
  [undefined, /what the backend opened must be an object, not undefined/],
  [{}, /what the backend opened has no region\(\)/],
])("openDevice refuses a backend that opens no device but %s", async (device, message) => {
  const given = { backend: { open: async () => device, openSync: () => device } } as never;
  const refused = expect.objectContaining({
    code: "ERR_INVALID_ARGUMENT",
    message: expect.stringMatching(message),
    hint: expect.stringMatching(/./),
  });
  await expect(openDevice("00:04.0", given)).rejects.toEqual(refused);
  expect(() => openDeviceSync("00:04.0", given)).toThrow(refused);
});
