import type { DmaMapping } from "@userpci/interface";
import { describe, expect, it } from "vitest";
import { createDomain } from "./domain.ts";
import { TestMemory } from "./testing/memory.ts";
import { SlowMapper } from "./testing/slow-mapper.ts";

const K = 4096;

function opened() {
  const domain = createDomain();
  const mapper = new SlowMapper();
  const attachment = domain.attach(mapper, "a");
  const told: string[] = [];
  const listen = (name: string, mapping: DmaMapping): DmaMapping => {
    mapping.onClosed?.(() => told.push(`${name} ${mapping.closed}`));
    return mapping;
  };
  return { domain, mapper, attachment, told, listen };
}

describe("whoever wants to know that a mapping is closed", () => {
  it("is told once, however many there are, and at once if it is too late", async () => {
    const { domain, told, listen } = opened();
    const mapping = listen("first", listen("second", domain.mapSync(new TestMemory(K))));
    await mapping.unmap();
    mapping.unmapSync();
    expect(told).toEqual(["second true", "first true"]);
    listen("late", mapping);
    expect(told.slice(2)).toEqual(["late true"]);
  });

  it("is not told of an unmap that fails", () => {
    const { domain, mapper, told, listen } = opened();
    const mapping = listen("it", domain.mapSync(new TestMemory(K)));
    mapper.unmapError = new Error("not now");
    expect(() => mapping.unmapSync()).toThrow("not now");
    expect(told).toEqual([]);
    mapper.unmapError = undefined;
    mapping.unmapSync();
    expect(told).toEqual(["it true"]);
  });

  it("is told of each part that is joined with others", async () => {
    const { domain, attachment, told, listen } = opened();
    const memory = new TestMemory(4 * K);
    const [a, b, c] = [0, 1, 2].map((page) =>
      listen(`part ${page}`, domain.mapSync(memory, { offset: page * K, size: K, join: true })),
    );
    a!.unmapSync();
    expect(told).toEqual(["part 0 true"]);
    attachment.detach();
    await domain.close();
    expect(told).toEqual(["part 0 true", "part 1 true", "part 2 true"]);
    for (const part of [a, b, c]) listen("late", part!);
    expect(told.length).toBe(6);
  });

  it("is told of the last part, and of those whose whole the end of the mapper takes", () => {
    const { domain, mapper, attachment, told, listen } = opened();
    listen("last", domain.mapSync(new TestMemory(K), { join: true })).unmapSync();
    listen("part", domain.mapSync(new TestMemory(K), { join: true }));
    listen("whole", domain.mapSync(new TestMemory(K)));
    attachment.detach();
    mapper.unmapError = new Error("not now");
    expect(() => domain.closeSync()).toThrow("not now");
    expect(told.toSorted()).toEqual(["last true", "part true", "whole true"]);
  });
});
