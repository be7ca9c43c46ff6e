import { guestSuite } from "../harness/suite.ts";
import { functionsAt } from "../machines.ts";
import { comparisons } from "./tests.ts";

// Only root may see the function's own config space beside the kernel's view of it.
await guestSuite(import.meta.url, {
  machine: "functions",
  users: ["root"],
  tests: comparisons(functionsAt),
});
