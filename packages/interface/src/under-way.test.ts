import { expect, it } from "vitest";
import { UnderWay } from "./under-way.ts";

/** A call, ended by hand. */
function call() {
  let end!: () => void;
  let fail!: (error: Error) => void;
  const work = new Promise<void>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  return { work, end, fail };
}

it("calls are counted until they end, and those that fail are their callers' to know", async () => {
  const underWay = new UnderWay();
  const [first, second] = [call(), call()];
  expect(underWay.track(first.work)).toBe(first.work);
  const failed = expect(underWay.track(second.work)).rejects.toThrow("no");
  expect(underWay.size).toBe(2);
  second.fail(new Error("no"));
  await failed;
  expect(underWay.size).toBe(1);
  first.end();
  await first.work;
  expect(underWay.size).toBe(0);
});

it("who waits for all to end waits for those too that begin meanwhile", async () => {
  const underWay = new UnderWay();
  await underWay.idle();
  const [first, second] = [call(), call()];
  const events: string[] = [];
  void underWay.track(first.work).then(() => void underWay.track(second.work));
  const idle = underWay.idle().then(() => events.push("idle"));
  first.end();
  setTimeout(() => {
    events.push("second ends");
    second.end();
  }, 2);
  await idle;
  expect([events, underWay.size]).toEqual([["second ends", "idle"], 0]);
});
