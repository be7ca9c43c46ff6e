import { expect, it } from "vitest";
import { vfioGroup } from "./group-backend.ts";

it.each<[unknown, unknown, RegExp]>([
  [undefined, {}, /address must be a string, not undefined/],
  ["0000:00:04.0", null, /options must be an object, not null/],
  ["0000:00:04.0", 5, /options must be an object, not 5/],
  ["0000:00:04.0", { domain: null }, /domain must be an object, not null/],
  ["0000:00:04.0", { domain: {} }, /domain has no attach\(\)/],
  ["0000:00:04.0", { vfToken: 5 }, /a VF token is a UUID, not 5/],
])("open of %s with %o is refused before anything is touched", async (address, options, message) => {
  const backend = vfioGroup();
  const refused = expect.objectContaining({
    code: "ERR_INVALID_ARGUMENT",
    message: expect.stringMatching(message),
    hint: expect.stringMatching(/./),
  });
  await expect(backend.open(address as never, options as never)).rejects.toEqual(refused);
  expect(() => backend.openSync(address as never, options as never)).toThrow(refused);
});
