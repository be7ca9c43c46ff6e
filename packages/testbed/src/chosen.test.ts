import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { choose } from "./chosen.ts";

const INDEX = "tool-1.json";
const newest = { version: "1:2.0-1", folder: "tool-2.0-1" };

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "userpci-chosen-"));
});
afterEach(() => rm(cache, { recursive: true }));

/** Fetches a package, as far as the cache sees it. */
async function unpack(): Promise<typeof newest> {
  await mkdir(join(cache, newest.folder));
  return newest;
}

const fetcher = () => vi.fn(unpack);

test("a package is fetched once, and found from then on", async () => {
  const fetch = fetcher();
  expect(await choose(cache, INDEX, fetch, undefined)).toEqual(newest);
  expect(await choose(cache, INDEX, fetch, undefined)).toEqual(newest);
  expect(fetch).toHaveBeenCalledTimes(1);
});

test("of two that want it at once one fetches, and the other is told that it waits", async () => {
  const told = vi.fn();
  const fetch = vi.fn(async () => {
    await vi.waitFor(() => expect(told).toHaveBeenCalled(), 30_000);
    return unpack();
  });
  const both = [1, 2].map(() => choose(cache, INDEX, fetch, told));
  expect(await Promise.all(both)).toEqual([newest, newest]);
  expect(fetch).toHaveBeenCalledTimes(1);
  expect(told).toHaveBeenCalledWith(expect.stringMatching(/waiting/));
});

test("one that was removed from the cache is fetched again", async () => {
  const fetch = fetcher();
  await choose(cache, INDEX, fetch, undefined);
  await rm(join(cache, newest.folder), { recursive: true });
  expect(await choose(cache, INDEX, fetch, undefined)).toEqual(newest);
  expect(fetch).toHaveBeenCalledTimes(2);
});

test("nothing is found where fetching failed", async () => {
  const failing = async (): Promise<never> => Promise.reject(new Error("no network"));
  await expect(choose(cache, INDEX, failing, undefined)).rejects.toThrow("no network");
  const fetch = fetcher();
  await choose(cache, INDEX, fetch, undefined);
  expect(fetch).toHaveBeenCalledTimes(1);
});
