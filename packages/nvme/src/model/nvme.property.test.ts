import { emulated } from "@userpci/device-model";
import fc from "fast-check";
import { openDevice } from "userpci";
import { expect, it } from "vitest";
import { ioOpcode } from "../commands.ts";
import { prpsOf, TestDriver } from "../testing/driver.ts";
import { nvme } from "./nvme.ts";

const BLOCKS = 512;
const MOST_BLOCKS = 80;
const BYTES = MOST_BLOCKS * 512;

const actions = fc.array(
  fc.record({
    kind: fc.constantFrom("write" as const, "write" as const, "read" as const, "zero" as const),
    block: fc.nat(BLOCKS - 1),
    blocks: fc.integer({ min: 1, max: MOST_BLOCKS }),
    /** Dwords into the first page. */
    offset: fc.nat(1023),
    /** Entries into the page of the list. */
    list: fc.nat(511),
    queue: fc.nat(1),
    seed: fc.nat(255),
  }),
  { minLength: 1, maxLength: 30 },
);

it("reads what a plain copy of the disk says, after whatever was written", async () => {
  await using device = await openDevice("nvme", {
    backend: emulated(nvme({ size: BLOCKS * 512, queues: 2 })),
  });
  using driver = TestDriver.start(device, { queues: 2, depth: 4 });
  using buffer = device.dma.allocSync(BYTES + 4096);
  using list = device.dma.allocSync(2 * 4096);
  const shadow = new Uint8Array(BLOCKS * 512);
  fc.assert(
    fc.property(actions, (list_) => {
      for (const { kind, block, blocks, offset, list: entry, queue, seed } of list_) {
        const count = Math.min(blocks, BLOCKS - block);
        const span = shadow.subarray(block * 512, (block + count) * 512);
        const pair = driver.queues[queue]!;
        if (kind === "zero") {
          const command = { opcode: ioOpcode.WRITE_ZEROES, nsid: 1, dwords: [block, 0, count - 1] };
          expect(driver.perform(pair, command).status).toBe(0);
          span.fill(0);
          continue;
        }
        const prps = prpsOf(buffer, offset * 4, span.length, list, entry * 8);
        const data = buffer.bytes.subarray(offset * 4, offset * 4 + span.length);
        if (kind === "write") {
          for (let i = 0; i < data.length; i++) data[i] = (seed + i * 7) & 0xff;
          span.set(data);
        } else data.fill(0xee);
        expect(driver.transfer(kind, block, count, prps, pair).status).toBe(0);
        expect(Buffer.compare(data, span)).toBe(0);
      }
    }),
    { numRuns: 60 },
  );
});
