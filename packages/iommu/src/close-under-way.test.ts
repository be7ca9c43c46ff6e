import { setImmediate as turn } from "node:timers/promises";
import { PciError } from "@userpci/interface";
import { describe, expect, it } from "vitest";
import { createDomain } from "./domain.ts";
import { TestMemory } from "./testing/memory.ts";
import { SlowMapper } from "./testing/slow-mapper.ts";

const K = 4096;

/** A domain without a device, into which memory is being mapped; the mapper waits for `letGo`. */
function mapping() {
  const domain = createDomain({ label: "lab" });
  const mapper = new SlowMapper();
  const attachment = domain.attach(mapper, "0000:01:00.0");
  const before = domain.mapSync(new TestMemory(K));
  mapper.hold();
  const pending = domain.map(new TestMemory(K));
  const rejected = expect(pending).rejects.toMatchObject({ code: "ERR_CLOSED" });
  attachment.detach();
  return { domain, mapper, before, rejected };
}

/** Promises that were rejected with nobody there to see it. */
async function unhandledOf(work: () => Promise<void>): Promise<unknown[]> {
  const unhandled: unknown[] = [];
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (reason) => unhandled.push(reason));
  try {
    await work();
    await turn();
  } finally {
    process.removeAllListeners("unhandledRejection");
    for (const other of others) process.on("unhandledRejection", other);
  }
  return unhandled;
}

describe("closeSync while calls are under way", () => {
  it("does not end the process when a mapper cannot be closed later: close() tells", async () => {
    const { domain, mapper, rejected } = mapping();
    mapper.closeError = new PciError("EBADF", "not closed");
    const unhandled = await unhandledOf(async () => {
      domain.closeSync();
      mapper.letGo();
      await rejected;
    });
    expect(unhandled).toEqual([]);
    await expect(domain.close()).rejects.toBe(mapper.closeError);
  });

  it("tells at once what could not be unmapped", async () => {
    const { domain, mapper, before, rejected } = mapping();
    mapper.unmapError = new PciError("EIO", "stuck");
    const unhandled = await unhandledOf(async () => {
      expect(() => domain.closeSync()).toThrow(mapper.unmapError);
      mapper.unmapError = undefined;
      mapper.letGo();
      await rejected;
    });
    expect(unhandled).toEqual([]);
    await expect(domain.close()).rejects.toMatchObject({ code: "EIO" });
    expect([mapper.closed, before.closed]).toEqual([true, true]);
  });
});
