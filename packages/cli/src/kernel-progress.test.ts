import type { DriverOptions } from "@userpci/sysfs";
import { describe, expect, it } from "vitest";
import type { CommandCall } from "./command.ts";
import { waiting } from "./kernel-progress.ts";
import { stopSignals } from "./stop.ts";
import { createStyle } from "./style.ts";

function makeCall(timeout?: string, interactive = false): CommandCall & { notes: string[] } {
  const notes: string[] = [];
  const style = createStyle(false);
  return {
    notes,
    arguments: [],
    rest: [],
    options: { timeout },
    json: false,
    jsonl: false,
    line: () => expect.unreachable("it prints no JSON"),
    terminal: {
      write: () => expect.unreachable("progress is no result"),
      note: (text) => void notes.push(text),
      style,
      noteStyle: style,
      interactive,
      columns: undefined,
      noteColumns: undefined,
    },
  };
}

describe("waiting for the kernel", () => {
  it("says what is waited for and who has the device open, but not each step", async () => {
    const call = makeCall("2.5");
    const given = await waiting(call, async (options: DriverOptions) => {
      const step = { address: "0000:00:04.0", step: "release" } as const;
      options.onProgress?.({ ...step, elapsedMs: 0, holders: [] });
      const holders = [{ pid: 41, command: "node driver.js", path: "/dev/vfio/4" }];
      options.onProgress?.({ ...step, elapsedMs: 2000, holders });
      return options;
    });
    expect(given.timeoutMs).toBe(2500);
    expect(call.notes).toEqual([
      "0000:00:04.0: waiting for the kernel (release); open in pid 41 (node driver.js)  2 s\n",
    ]);
  });

  it("keeps one line up to date on a terminal, and takes it away", async () => {
    const call = makeCall(undefined, true);
    await waiting(call, async ({ onProgress }) => {
      const step = { address: "0000:00:04.0", step: "release", holders: [] } as const;
      for (const elapsedMs of [2000, 4000]) onProgress?.({ ...step, elapsedMs });
    });
    const shown = "\r\x1b[2K  … 0000:00:04.0: waiting for the kernel (release)";
    expect(call.notes).toEqual([`${shown}  2 s`, `${shown}  4 s`, "\r\x1b[2K"]);
  });

  it("takes parts of a second, in whole milliseconds", async () => {
    const given = await waiting(makeCall("0.0015"), async (options: DriverOptions) => options);
    expect(given.timeoutMs).toBe(2);
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("is stopped by %s, once", async (name) => {
    const listeners = () => stopSignals.map((each) => process.listenerCount(each));
    const before = listeners();
    await waiting(makeCall(), async ({ signal }) => {
      process.emit(name, name);
      expect(signal?.reason).toMatchObject({ message: `interrupted by ${name}` });
      // The next one, whichever it is, does what it does to any program.
      expect(listeners()).toEqual(before);
    });
    await waiting(makeCall(), async () => undefined);
    expect(listeners()).toEqual(before);
  });
});
