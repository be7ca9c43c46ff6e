import { expect, it } from "vitest";
import { buildSpace } from "../builder/build.ts";
import { bytesRegion } from "../bytes.ts";
import { configOf } from "../config.ts";

it("tells the state of a mailbox, and starts it", () => {
  const bytes = buildSpace({
    vendorId: 0x1234,
    deviceId: 0x5678,
    capabilities: [{ name: "pcie", registers: { capabilities: { version: 2 } } }],
    extendedCapabilities: [
      {
        name: "dataObjectExchange",
        registers: {
          capabilities: { interrupt: true, interruptMessage: 5 },
          control: { interruptEnable: true },
          status: { interrupt: true, ready: true },
          readMailbox: 0xcafe,
        },
      },
    ],
  });
  const doe = configOf(bytesRegion(bytes)).findExtended("dataObjectExchange")!;
  expect(doe.length).toBe(0x18);
  expect(doe.capabilities).toMatchObject({ interrupt: true, interruptMessage: 5 });
  expect(doe.status).toMatchObject({ busy: false, interrupt: true, ready: true });
  expect(doe.readMailbox).toBe(0xcafe);
  doe.control.update({ go: true });
  expect(doe.control.raw).toBe(0x8000_0002);
});
