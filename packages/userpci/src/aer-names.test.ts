import { bytesRegion, configOf } from "@userpci/pci-config";
import { buildSpace } from "@userpci/pci-config/builder";
import { expect, it } from "vitest";
import { aerName, aerNames } from "./aer-names.ts";

const space = buildSpace({
  vendorId: 0x1af4,
  deviceId: 0x1044,
  capabilities: [{ name: "pcie" }],
  extendedCapabilities: [{ name: "aer" }],
});
const aer = configOf(bytesRegion(space)).findExtended("aer")!;

it.each([
  ["correctable", aer.correctableStatus],
  ["uncorrectable", aer.uncorrectableStatus],
] as const)(
  "every %s error that a register has is one that the kernel counts, and the other way round",
  (kind, register) => {
    const ours = Object.keys(register.read()).toSorted();
    expect(Object.values(aerNames[kind]).toSorted()).toEqual(ours);
  },
);

it("a name that only the kernel knows stays as it is", () => {
  expect(aerName("fatal", "Undefined")).toBe("Undefined");
  expect(aerName("correctable", "toString")).toBe("toString");
});
