import { isPciError } from "@userpci/interface";
import { expect, it } from "vitest";
import { serve } from "./serve.ts";

const model = {
  name: "none",
  config: { vendorId: 0x1234, deviceId: 1 },
  create: () => ({ reset: () => undefined }),
};

it.each([
  [{ time: "virtuel" }, /time is "virtuel"/],
  [{ time: true }, /time is true/],
  [{ twinSocket: "yes" }, /twinSocket must be a boolean/],
  [{ ref: 0 }, /ref must be a boolean/],
  [{ onEvent: "log" }, /onEvent must be a function/],
  [{ dma: 5 }, /dma must be an object/],
  [{ dma: {} }, /dma has no connect\(\)/],
])("serve() says which options there are: %o", async (options, message) => {
  const served = serve(model, { path: "/nowhere/at/all.sock", ...(options as object) });
  const error = await served.catch((thrown: unknown) => thrown);
  expect(error).toSatisfy((thrown) => isPciError(thrown, "ERR_INVALID_ARGUMENT"));
  expect(error).toMatchObject({ message: expect.stringMatching(message), hint: expect.any(String) });
});
