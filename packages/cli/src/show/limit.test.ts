import { describe, expect, it, vi } from "vitest";
import { configLimit } from "./limit.ts";

describe("what is not known of configuration space", () => {
  it.each([
    [1000, 64, "known to root: sudo userpci show -vv 0000:00:04.0"],
    // In a container that lacks the capability, sudo would not help.
    [0, 64, expect.stringMatching(/^not known: without CAP_SYS_ADMIN, .* root too reads the first 64 bytes/)],
    [1000, 256, null],
    [0, 4096, null],
  ])("as uid %i with %i bytes", (uid, bytes, text) => {
    const geteuid = vi.spyOn(process, "geteuid").mockReturnValue(uid);
    try {
      expect(configLimit("0000:00:04.0", bytes, 2, {})).toEqual(text);
    } finally {
      geteuid.mockRestore();
    }
  });
});
