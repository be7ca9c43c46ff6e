import { strict as assert } from "node:assert";
import { readFileSync, writeFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import type { MappingBudget } from "@userpci/interface";
import { createDomain } from "@userpci/iommu";
import { adoptDomain, vfioGroup } from "@userpci/vfio-native";
import { expectCode } from "../harness/expect.ts";
import { openWithMapper } from "../harness/mapper.ts";
import { holdings } from "../harness/process.ts";
import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";

const PAGE = 4096;
/** Most mappings of a container opened from now on; 65535 by default. */
const LIMIT = "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit";

/** Runs `body` while containers that are opened hold 16 mappings at most. */
async function withLimit(body: () => void | Promise<void>): Promise<void> {
  const before = readFileSync(LIMIT, "utf8");
  writeFileSync(LIMIT, "16");
  try {
    await body();
  } finally {
    writeFileSync(LIMIT, before);
  }
}

await guestSuite(import.meta.url, {
  // The limit is root's to set.
  users: ["root"],
  tests: {
    "a container holds as many mappings as the module's limit, and says how to raise it": () =>
      withLimit(() => {
        using opened = openWithMapper(at.edu);
        const { domain, backend } = opened;
        using memory = backend.memory.alloc(17 * PAGE);
        const map = (i: number) => domain.mapSync(memory, { offset: i * PAGE, size: PAGE });
        const mappings = Array.from({ length: 16 }, (_, i) => map(i));
        assert.equal(opened.mapper.limits().mappingsLeft, 0);
        assert.deepEqual(domain.budget, { used: 16, limit: 16 });
        const error = expectCode("ERR_MAPPING_LIMIT", () => map(16));
        assert.match(error.hint!, /dma_entry_limit=/);
        assert.equal([...domain.mappings()].length, 16);
        mappings[0]!.unmapSync();
        map(16);
        opened.backend.closeSync();
      }),

    "a domain warns before a container is full": () =>
      withLimit(async () => {
        const told: MappingBudget[] = [];
        using backend = vfioGroup();
        const domain = createDomain({ onMappingsLow: (budget) => told.push(budget) });
        using device = backend.openSync(at.edu, { domain });
        using memory = backend.memory.alloc(13 * PAGE);
        const map = (i: number) => domain.mapSync(memory, { offset: i * PAGE, size: PAGE });
        for (let i = 0; i < 12; i++) map(i);
        await turn();
        assert.deepEqual(told, []);
        map(12);
        await turn();
        assert.deepEqual(told, [{ used: 13, limit: 16 }]);
        device.closeSync();
        domain.closeSync();
      }),

    "what another domain maps into the same container counts too, and is warned of in time": () =>
      withLimit(async () => {
        const told: MappingBudget[] = [];
        using backend = vfioGroup();
        const domain = createDomain({ onMappingsLow: (budget) => told.push(budget) });
        using device = backend.openSync(at.edu, { domain });
        using memory = backend.memory.alloc(17 * PAGE);
        const map = (i: number) => domain.mapSync(memory, { offset: i * PAGE, size: PAGE });
        const other = adoptDomain(domain.share(domain.reserve(8 * PAGE)));
        for (let i = 0; i < 6; i++) map(i);
        for (let i = 8; i < 16; i++) other.mapSync(memory, { offset: i * PAGE, size: PAGE });
        assert.deepEqual(
          [domain.budget, other.budget],
          [
            { used: 6, limit: 8 },
            { used: 8, limit: 10 },
          ],
        );
        map(6);
        await turn();
        assert.deepEqual(told, [{ used: 7, limit: 8 }]);
        map(7);
        const error = expectCode("ERR_MAPPING_LIMIT", () => map(16));
        assert.match(error.message, /holds 8 mappings, and may hold 8 beside those of others/);
        other.closeSync();
        assert.deepEqual(domain.budget, { used: 8, limit: 16 });
        map(16);
        device.closeSync();
        domain.closeSync();
      }),

    "joined parts of one memory take one of the container's mappings, and pin it until the last is unmapped":
      () =>
        withLimit(() => {
          using opened = openWithMapper(at.edu);
          const { domain, backend, mapper } = opened;
          using memory = backend.memory.alloc(64 * PAGE);
          const map = (i: number) => domain.mapSync(memory, { offset: i * PAGE, size: PAGE, join: true });
          const parts = Array.from({ length: 64 }, (_, i) => map(i));
          assert.deepEqual([mapper.limits().mappingsLeft, domain.budget.used], [15, 1]);
          assert.equal(parts[63]!.iova - parts[0]!.iova, BigInt(63 * PAGE));
          for (const part of parts.splice(0, 63)) part.unmapSync();
          expectCode("ERR_BUSY", () => memory.close());
          parts[0]!.unmapSync();
          assert.deepEqual([mapper.limits().mappingsLeft, holdings().pinned], [16, 0]);
        }),
  },
});
