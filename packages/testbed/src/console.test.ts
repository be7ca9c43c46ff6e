import fc from "fast-check";
import { expect, test } from "vitest";
import { ConsoleLog, findFatal, lastLines } from "./console.ts";

const PANIC = `[    8.1] sysrq: Trigger a crash
[    8.2] Kernel panic - not syncing: sysrq triggered crash
[    8.3] CPU: 0 UID: 0 PID: 180 Comm: sh Not tainted 6.12.95
`;

test("a panic is found whatever the chunks, once, with its reason", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: PANIC.length }), (size) => {
      const log = new ConsoleLog();
      const news = [];
      for (let at = 0; at < PANIC.length; at += size) news.push(log.append(PANIC.slice(at, at + size)));
      expect(news.filter(Boolean)).toEqual(["Kernel panic - not syncing: sysrq triggered crash"]);
      expect(log.fatal).toBe("Kernel panic - not syncing: sysrq triggered crash");
    }),
  );
});

test("a line that is not complete yet is not reported with half its reason", () => {
  expect(findFatal("Kernel panic - not syncing: sys")).toBeUndefined();
});

test("complaints that a kernel survives are not fatal", () => {
  expect(findFatal("watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [node:170]\n")).toBeUndefined();
  expect(
    findFatal("DMAR: [DMA Write NO_PASID] Request device [00:04.0] fault addr 0x500000\n"),
  ).toBeUndefined();
});

test("the guest's own last words are fatal", () => {
  expect(findFatal("testbed: boot failed: mounting the overlay\n")).toBe(
    "testbed: boot failed: mounting the overlay",
  );
  expect(findFatal("testbed: the agent ended with status 1\n")).toBe(
    "testbed: the agent ended with status 1",
  );
});

test("the text is plain: no carriage returns, no terminal control", () => {
  const log = new ConsoleLog();
  log.append("\x1bc\x1b[?7l\x1b[2J\x1b[0mSeaBIOS (version 1.16.3)\r\nlast\r\n");
  expect(log.text).toBe("SeaBIOS (version 1.16.3)\nlast\n");
  expect(log.tail(1)).toBe("last");
});

test("an endless console keeps its newest part", () => {
  const log = new ConsoleLog();
  for (let i = 0; i < 300; i++) log.append(`${"x".repeat(10_000)}\n`);
  log.append("newest\n");
  expect(log.text.length).toBeLessThan(2 ** 20);
  expect(lastLines(log.text, 1)).toBe("newest");
});
