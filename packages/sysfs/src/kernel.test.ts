import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { explainWrite } from "./kernel.ts";

beforeEach(() => void vi.spyOn(process, "geteuid").mockReturnValue(1000));
afterEach(() => void vi.restoreAllMocks());

const denied = Object.assign(new Error("EACCES"), { code: "EACCES" });

it("tells an ordinary user to run a command as root, and of bind alone who has the device then", () => {
  const hintFor = (command: string) => explainWrite("/etc/x", denied, command).hint;
  expect(hintFor("userpci bind 0000:01:00.0")).toMatch(
    /^sudo userpci bind 0000:01:00\.0\nonly binding needs/,
  );
  const permit = "userpci permit 0000:01:00.0 --user alice";
  expect(hintFor(permit)).toBe(`sudo ${permit}`);
});
