import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cacheDirectory, publish, publishFile, withLock } from "./cache.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "userpci-cache-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("the environment chooses the directory", () => {
  expect(cacheDirectory({ USERPCI_CACHE: "/c", XDG_CACHE_HOME: "/x" })).toBe("/c/testbed");
  expect(cacheDirectory({ XDG_CACHE_HOME: "/x" })).toBe("/x/userpci/testbed");
  expect(cacheDirectory({})).toMatch(/\/\.cache\/userpci\/testbed$/);
});

test("the scripts of the repository, which run before it is built, choose the same directory", async () => {
  const { cacheFolder } = await import(new URL("../../../scripts/cache.mjs", import.meta.url).href);
  const environments = [{ USERPCI_CACHE: "/c", XDG_CACHE_HOME: "/x" }, { XDG_CACHE_HOME: "/x" }, {}];
  for (const env of environments) expect(cacheFolder("testbed", env)).toBe(cacheDirectory(env));
});

test("nothing appears under the name until it is complete, and a failure leaves nothing", async () => {
  const path = join(folder, "tree");
  await expect(
    publish(path, async (temporary) => {
      await mkdir(temporary);
      expect(await readdir(folder)).not.toContain("tree");
      throw new Error("network");
    }),
  ).rejects.toThrow("network");
  expect(await readdir(folder)).toEqual([]);
});

test("of two that publish the same tree one wins and both succeed", async () => {
  const path = join(folder, "tree");
  const make = (content: string) => async (temporary: string) => {
    await mkdir(temporary);
    await writeFile(join(temporary, "file"), content);
    await delay(5);
  };
  await Promise.all([publish(path, make("a")), publish(path, make("b"))]);
  expect(await readFile(join(path, "file"), "utf8")).toMatch(/^[ab]$/);
  expect(await readdir(folder)).toEqual(["tree"]);
});

test("a file is replaced in one step", async () => {
  const path = join(folder, "file");
  await publishFile(path, "old");
  await publishFile(path, "new");
  expect(await readFile(path, "utf8")).toBe("new");
});

test("only one holds the lock; who waits is told", async () => {
  const events: string[] = [];
  let waits = 0;
  const work = () =>
    withLock(
      folder,
      () => waits++,
      async () => {
        events.push("in");
        while (waits === 0) await delay(1);
        events.push("out");
      },
    );
  await Promise.all([work(), work()]);
  expect(events).toEqual(["in", "out", "in", "out"]);
  expect(waits).toBe(1);
});

test("what a killed process left half done is removed", async () => {
  await mkdir(join(folder, ".partial-dead"));
  await withLock(
    folder,
    () => {},
    async () => {},
  );
  expect(await readdir(folder)).toEqual([]);
});

test("a cache that cannot be written is an error that names the variable", async () => {
  await writeFile(join(folder, "file"), "");
  const call = withLock(
    join(folder, "file", "below"),
    () => {},
    async () => {},
  );
  await expect(call).rejects.toMatchObject({
    code: "ERR_TESTBED_PROVISION",
    hint: expect.stringContaining("USERPCI_CACHE"),
  });
});
