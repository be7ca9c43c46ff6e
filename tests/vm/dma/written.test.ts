import { strict as assert } from "node:assert";
import { expectCode } from "../harness/expect.ts";
import { guestSuite } from "../harness/suite.ts";
import { withDma } from "./scene.ts";

const PAGE = 4096;

await guestSuite(import.meta.url, {
  backends: ["vfio-group"],
  tests: {
    "a container tells what devices could have written": () =>
      withDma(async ({ dma, device, write }) => {
        await using buffer = await dma.alloc(70 * PAGE);
        expectCode("ERR_INVALID_ARGUMENT", () => buffer.takeWritten());
        dma.trackWrites(true);
        assert.equal(dma.tracksExactly, false);
        await write(buffer.iova);
        assert.deepEqual(buffer.takeWritten(), [{ offset: 0, size: 70 * PAGE }]);
        assert.deepEqual(buffer.takeWritten(), [{ offset: 0, size: 70 * PAGE }], "it may write again");
        const memory = device.memory.alloc(4 * PAGE);
        const part = dma.mapSync(memory, { offset: PAGE, size: PAGE, join: true });
        assert.deepEqual(part.takeWritten(), [{ offset: 0, size: PAGE }], "mapped since, and as a part");
        dma.trackWrites(false);
        expectCode("ERR_INVALID_ARGUMENT", () => buffer.takeWritten());
        dma.trackWrites(true);
        assert.deepEqual(buffer.takeWritten(), [{ offset: 0, size: 70 * PAGE }]);
        part.closeSync();
        memory.close();
      }),

    "a domain's log refuses what is not mapped": () =>
      withDma(async ({ dma, device }) => {
        dma.trackWrites(true);
        using buffer = dma.allocSync(2 * PAGE);
        const { dirty } = device.domain;
        assert.deepEqual(dirty!.take(buffer.iova, PAGE), Uint8Array.of(1));
        expectCode("ERR_INVALID_ARGUMENT", () => dirty!.take(buffer.iova, 3 * PAGE));
        await device.close();
        expectCode("ERR_CLOSED", () => dirty!.start());
      }),
  },
});
