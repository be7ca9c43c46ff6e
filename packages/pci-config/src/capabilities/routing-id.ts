import { capability } from "../capability.ts";
import { bits, flag, register } from "../table.ts";

/** Alternative routing-ID interpretation (section 7.8.8): a device of up to 256 functions. */
export const alternativeRoutingId = capability({
  id: 0x000e,
  title: "Alternative Routing-ID Interpretation",
  length: 8,
  registers: {
    capabilities: register(0x04, 16, "7.8.8.2", "ARI Capability", {
      vcFunctionGroups: flag(0, "RO", "Function groups for the arbitration of virtual channels"),
      acsFunctionGroups: flag(1, "RO", "Function groups for access control"),
      nextFunction: bits(15, 8, "RO", "Number of the next function; 0 ends the list"),
    }),
    control: register(0x06, 16, "7.8.8.3", "ARI Control", {
      vcFunctionGroups: flag(0, "RW", "Arbitration by function group"),
      acsFunctionGroups: flag(1, "RW", "Access control by function group"),
      functionGroup: bits(6, 4, "RW", "Function group of this function"),
    }),
  },
});
