import { expect, it } from "vitest";
import { processTerminal } from "./terminal.ts";

it("leaves the streams of the program that asks for it alone", () => {
  const before = process.stdout.listenerCount("error");
  processTerminal(() => undefined);
  expect(process.stdout.listenerCount("error")).toBe(before);
});
