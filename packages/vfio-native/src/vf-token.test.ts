import { expect, it } from "vitest";
import { tokenMismatch, vfTokenBytes } from "./vf-token.ts";

it("a token goes to the kernel in the order in which it is written", () => {
  const bytes = vfTokenBytes("14d63f20-8445-11EA-8900-1f9ce7d5650d");
  expect(Buffer.from(bytes).toString("hex")).toBe("14d63f20844511ea89001f9ce7d5650d");
  expect(bytes.buffer.byteLength).toBe(16);
});

it.each(["secret", "", "14d63f20844511ea89001f9ce7d5650d", 5])("%s is no token", (token) => {
  expect(() => vfTokenBytes(token as string)).toThrow(
    expect.objectContaining({ code: "ERR_INVALID_ARGUMENT", hint: expect.stringMatching(/./) }),
  );
});

it("a missing token is told from a wrong one", () => {
  expect(tokenMismatch("0000:01:10.0", undefined).message).toContain("no VF token was given");
  expect(tokenMismatch("0000:01:10.0", "14d63f20-8445-11ea-8900-1f9ce7d5650d").message).toContain("is wrong");
});
