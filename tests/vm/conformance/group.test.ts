import { vfioGroup } from "@userpci/vfio-native";
import { guestSuite } from "../harness/suite.ts";
import { conformanceTests } from "./kernel.ts";

await guestSuite(import.meta.url, {
  machine: "iommufd",
  tests: conformanceTests("vfio-group", vfioGroup, [
    "reset",
    "hot-reset",
    "msix-resize",
    "low-power",
    "low-power-wakeup",
    "dma-buf",
  ]),
});
