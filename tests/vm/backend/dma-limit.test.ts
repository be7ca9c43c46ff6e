import { strict as assert } from "node:assert";
import { readFileSync, writeFileSync } from "node:fs";
import { expectCode } from "../harness/expect.ts";
import { openWithMapper } from "../harness/mapper.ts";
import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";

const PAGE = 4096;
/** Most mappings of a container opened from now on; 65535 by default. */
const LIMIT = "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit";

await guestSuite(import.meta.url, {
  // The limit is root's to set.
  users: ["root"],
  tests: {
    "a container holds as many mappings as the module's limit, and says how to raise it": () => {
      const before = readFileSync(LIMIT, "utf8");
      writeFileSync(LIMIT, "16");
      try {
        using opened = openWithMapper(at.edu);
        const { domain, backend } = opened;
        using memory = backend.memory.alloc(17 * PAGE);
        const map = (i: number) => domain.mapSync(memory, { offset: i * PAGE, size: PAGE });
        const mappings = Array.from({ length: 16 }, (_, i) => map(i));
        assert.equal(opened.mapper.limits().mappingsLeft, 0);
        const error = expectCode("ERR_MAPPING_LIMIT", () => map(16));
        assert.match(error.hint!, /dma_entry_limit=/);
        assert.equal([...domain.mappings()].length, 16);
        mappings[0]!.unmapSync();
        map(16);
        opened.backend.closeSync();
      } finally {
        writeFileSync(LIMIT, before);
      }
    },
  },
});
