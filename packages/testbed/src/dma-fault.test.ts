import { expect, test } from "vitest";
import { parseDmaFaults } from "./dma-fault.ts";

test("each line of the trace is a fault with requester, reason, address and direction", () => {
  const trace = `vtd_dmar_fault sid 0x20 fault 6 addr 0x500000 write 0
unrelated line
vtd_dmar_fault sid 0x183 fault 5 addr 0xfffffffffffff000 write 1
`;
  expect(parseDmaFaults(trace)).toEqual([
    { requester: "00:04.0", reason: 6, address: 0x500000n, write: false },
    { requester: "01:10.3", reason: 5, address: 0xfffffffffffff000n, write: true },
  ]);
});

test("a line that is still being written is not a fault", () => {
  expect(parseDmaFaults("vtd_dmar_fault sid 0x20 fault 6 addr 0x5")).toEqual([]);
});
