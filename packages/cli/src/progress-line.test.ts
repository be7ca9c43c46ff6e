import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ProgressLine } from "./progress-line.ts";
import { createStyle } from "./style.ts";

function terminal(interactive: boolean) {
  const notes: string[] = [];
  const style = createStyle(false);
  const write = () => expect.unreachable("progress belongs to standard error");
  return {
    notes,
    write,
    note: (text: string) => void notes.push(text),
    style,
    noteStyle: style,
    interactive,
    columns: 80,
    noteColumns: 30,
  };
}

describe("ProgressLine", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("prints a line each where it cannot write over", () => {
    const { notes, ...rest } = terminal(false);
    using line = new ProgressLine(rest);
    line.update("fetching");
    vi.advanceTimersByTime(5000);
    line.update("booting");
    line.clear();
    expect(notes).toEqual(["fetching\n", "booting\n"]);
  });

  it("counts from where something began, also where it cannot write over", () => {
    const { notes, ...rest } = terminal(false);
    using line = new ProgressLine(rest);
    line.update("waiting", 0);
    line.update("waiting", 2900);
    expect(notes).toEqual(["waiting\n", "waiting  2 s\n"]);
  });

  it("tells of a loop once a second", () => {
    const { notes, ...rest } = terminal(false);
    using line = new ProgressLine(rest);
    for (let step = 1; step <= 25; step++) {
      vi.advanceTimersByTime(100);
      line.tick(() => `step ${step}`);
    }
    expect(notes).toEqual(["step 10\n", "step 20\n"]);
  });

  it("stays within one line", () => {
    const { notes, ...rest } = terminal(true);
    using line = new ProgressLine(rest);
    line.update("fetching something with a long name");
    expect(notes.at(-1)?.replace("\r\x1b[2K", "")).toBe("  … fetching something with …");
  });

  it("keeps one line up to date on a terminal, and takes it away", () => {
    const { notes, ...rest } = terminal(true);
    const line = new ProgressLine(rest);
    line.update("booting");
    vi.advanceTimersByTime(3000);
    expect(notes.at(-1)).toBe("\r\x1b[2K  … booting  3 s");
    line.clear();
    expect(notes.at(-1)).toBe("\r\x1b[2K");
    const printed = notes.length;
    vi.advanceTimersByTime(3000);
    line.clear();
    expect(notes).toHaveLength(printed);
  });
});
