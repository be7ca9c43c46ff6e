import { capability } from "../capability.ts";
import { bits, flag, register, value } from "../table.ts";

const guid = (index: number, part: string) =>
  value(0x08 + 4 * index, 32, `7.9.18.${3 + index}`, `System GUID, bits ${part}`, "RW");

/** Hierarchy ID (section 7.9.18): which hierarchy of which system a function is in. */
export const hierarchyId = capability({
  id: 0x0028,
  title: "Hierarchy ID",
  length: 0x20,
  registers: {
    status: register(
      0x04,
      32,
      "7.9.18.2",
      "Hierarchy ID Status",
      {
        requesterId: bits(15, 0, "RO", "Requester ID of the message that told it"),
        writable: flag(28, "RW", "Data and GUID can be written"),
        configurable: flag(29, "RO", "Whether they can be written can be set"),
        pending: flag(30, "RW", "Send a hierarchy ID message"),
        valid: flag(31, "RW", "Hierarchy ID valid"),
      },
      { reserved: "RsvdZ" },
    ),
    data: register(0x08, 32, "7.9.18.3", "Hierarchy ID Data", {
      authority: bits(7, 0, "RW", "System GUID authority ID"),
      hierarchyId: bits(31, 16, "RW", "Hierarchy ID"),
    }),
    guid1: register(0x0c, 32, "7.9.18.4", "Hierarchy ID GUID 1", {
      guid: bits(15, 0, "RW", "System GUID, bits 143:128"),
    }),
    guid2: guid(2, "127:96"),
    guid3: guid(3, "95:64"),
    guid4: guid(4, "63:32"),
    guid5: guid(5, "31:0"),
  },
});
