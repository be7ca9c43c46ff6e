import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";
import { eduTests } from "./tests.ts";

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  tests: eduTests({ edu: at.edu, second: at.pairedEdu, third: at.wideEdu, other: at.nvme }),
});
