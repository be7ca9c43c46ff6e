import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";
import { comparisons } from "./tests.ts";

const { edu, nvme, e1000e, usb, pairedE1000: e1000 } = at;

// Only root may see the function's own config space beside the kernel's view of it.
await guestSuite(import.meta.url, { users: ["root"], tests: comparisons({ edu, nvme, e1000e, usb, e1000 }) });
