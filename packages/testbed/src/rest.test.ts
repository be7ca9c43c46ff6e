import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Rest } from "./rest.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A machine that takes 100 ms for either. */
function scene() {
  const steps: string[] = [];
  const step = (name: string) => async () => {
    steps.push(name);
    await new Promise((resolve) => setTimeout(resolve, 100));
  };
  return { steps, rest: new Rest({ pause: step("pause"), resume: step("resume") }) };
}

it("a machine that nobody uses for a second stands still, until somebody does", async () => {
  const { steps, rest } = scene();
  rest.begin();
  await vi.advanceTimersByTimeAsync(900);
  expect(steps).toEqual([]);
  await vi.advanceTimersByTimeAsync(200);
  rest.begin();
  expect(steps).toEqual(["pause"]);
  const ended = rest.end();
  await vi.advanceTimersByTimeAsync(300);
  await ended;
  expect(steps).toEqual(["pause", "resume"]);
});

it("a machine that is used again at once never stands still", async () => {
  const { steps, rest } = scene();
  rest.begin();
  await rest.end();
  await vi.advanceTimersByTimeAsync(5000);
  expect(steps).toEqual([]);
});

it("a machine that died while it stood still is not waited for", async () => {
  const dead = async (): Promise<never> => {
    throw new Error("QEMU has ended");
  };
  const rest = new Rest({ pause: dead, resume: dead });
  rest.begin();
  await vi.advanceTimersByTimeAsync(1000);
  await rest.end();
});
