import { capability } from "../capability.ts";
import { countIn } from "../list-count.ts";
import { bits, flag, register } from "../table.ts";
import { entriesLength, entryList } from "./entries.ts";

const section = "PCI Express 6.0, 7.9.25";
const FIRST = 0x0c;
const INSTANCE = 4;

const capabilities = register(0x04, 32, `${section}.2`, "Shadow Functions Capability", {
  functions: bits(7, 0, "HwInit", "Shadow functions, minus 1"),
});
const functions = countIn(capabilities, "functions", { plus: -1 });

/** Shadow functions (PCI Express 6.0, section 7.9.25): unused function numbers from which it sends requests too. */
export const shadowFunctions = capability({
  id: 0x002d,
  title: "Shadow Functions",
  head: 8,
  length: entriesLength(FIRST, INSTANCE, functions),
  registers: {
    capabilities,
    control: register(0x08, 32, `${section}.3`, "Shadow Functions Control", {
      enable: flag(0, "RW", "May send requests from them"),
    }),
  },
  lists: {
    functions: entryList(
      {
        instance: register(0x00, 32, `${section}.4`, "Shadow Functions Instance", {
          distance: bits(15, 0, "HwInit", "Added to its own function number"),
        }),
      },
      FIRST,
      INSTANCE,
    ),
  },
  counts: { functions },
});
