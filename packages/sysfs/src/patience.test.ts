import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { HolderReport } from "./holders.ts";
import { type Patience, waitPatiently } from "./patience.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

const nobody: HolderReport = { holders: [], unreadable: 0 };
const never = new Promise<never>(() => undefined);

function patience(options: Partial<Patience> = {}): Patience {
  return {
    subject: "igb to let go of 0000:01:00.0",
    completion: "sudo userpci bind 0000:01:00.0",
    timeoutMs: 3000,
    reportMs: 2000,
    findHolders: async () => nobody,
    onWait: () => undefined,
    ...options,
  };
}

describe("waitPatiently", () => {
  it("gives up when its time is over, though no report is due", async () => {
    const reports: number[] = [];
    const waiting = waitPatiently(never, patience({ onWait: (ms) => void reports.push(ms) }));
    const givenUp = expect(waiting).rejects.toMatchObject({
      code: "ERR_TIMEOUT",
      message: expect.stringMatching(/^waited 3\.0 s for igb/),
    });
    await vi.advanceTimersByTimeAsync(3000);
    await givenUp;
    expect(reports).toEqual([2000]);
  });

  it("does not give up what comes to its end while the holders are looked for", async () => {
    let finish = (_value: string): void => undefined;
    const work = new Promise<string>((resolve) => {
      finish = resolve;
    });
    const findHolders = async (): Promise<HolderReport> => {
      finish("done");
      return nobody;
    };
    const waiting = waitPatiently(work, patience({ timeoutMs: 100, findHolders }));
    await vi.advanceTimersByTimeAsync(100);
    expect(await waiting).toBe("done");
  });

  it("gives the work's own failure, also where it comes then", async () => {
    let fail = (_error: Error): void => undefined;
    const work = new Promise<string>((_, reject) => {
      fail = reject;
    });
    const findHolders = async (): Promise<HolderReport> => {
      fail(new Error("EIO"));
      return nobody;
    };
    const failed = expect(waitPatiently(work, patience({ timeoutMs: 100, findHolders }))).rejects.toThrow(
      "EIO",
    );
    await vi.advanceTimersByTimeAsync(100);
    await failed;
  });
});
