import { describe, expect, it } from "vitest";
import { memlockError } from "./pins.ts";

const K = 1024;
const M = K * K;

describe("the error for memory past the limit", () => {
  it.each([
    [9 * M, 0, 8 * M, "would pin 9 MiB: 0 MiB are pinned and RLIMIT_MEMLOCK is 8 MiB"],
    [4 * K, 8 * M, 8 * M, "would pin 8196 KiB: 8192 KiB are pinned and RLIMIT_MEMLOCK is 8192 KiB"],
    [8 * M + 4 * K, 0, 8 * M, "would pin 8196 KiB: 0 KiB are pinned and RLIMIT_MEMLOCK is 8192 KiB"],
    [
      4 * K,
      8 * M,
      8 * M + 1,
      "would pin 8392704 bytes: 8388608 bytes are pinned and RLIMIT_MEMLOCK is 8388609 bytes",
    ],
    [4 * K, M, Infinity, "would pin 1028 KiB: 1024 KiB are pinned and RLIMIT_MEMLOCK is unlimited"],
  ])(
    "gives exact figures, in the largest unit that all share: %i after %i of %i",
    (asked, used, limit, text) => {
      const budget = { scope: "process", used, limit, exempt: false } as const;
      expect(memlockError("mapping it", asked, budget).message).toBe(`mapping it ${text}`);
    },
  );
});
