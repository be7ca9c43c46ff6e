import { strict as assert } from "node:assert";
import { expectCode } from "../harness/expect.ts";
import { guestSuite } from "../harness/suite.ts";
import { withDma } from "./scene.ts";

await guestSuite(import.meta.url, {
  backends: ["vfio-cdev"],
  tests: {
    // The emulated IOMMU has none, and the domain was not made for them.
    "an IOMMU without dirty bits says so": () =>
      withDma(async ({ dma }) => {
        const error = expectCode("ERR_NOT_SUPPORTED", () => dma.trackWrites(true));
        assert.match(error.hint!, /dirty bits/);
      }),
  },
});
