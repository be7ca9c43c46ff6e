import { capability, type LengthRule } from "../capability.ts";
import { countAt, countIn } from "../list-count.ts";
import { fieldAt } from "../register.ts";
import { bits, flag, register } from "../table.ts";
import { entryList } from "./entries.ts";

/** Where the table of steering tags is. */
const IN_CAPABILITY = 1;

const capabilities = register(0x04, 32, "7.9.13.2", "TPH Requester Capability", {
  noTags: flag(0, "RO", "Can send requests without steering tags"),
  interruptVector: flag(1, "RO", "Can take tags by interrupt vector"),
  deviceSpecific: flag(2, "RO", "Can take tags in a manner of its own"),
  extended: flag(8, "RO", "Can send tags of 16 bits"),
  tableLocation: bits(10, 9, "RO", "Place of the table of tags", ["none", "capability", "MSI-X table"]),
  lastEntry: bits(26, 16, "RO", "Last entry of the table; entries are one more"),
});

const TABLE = 0x0c;
const TAG = 2;
const tags = countIn(capabilities, "lastEntry", { plus: -1 });

/** Tags may lie in the capability, two bytes each. */
const length: LengthRule = (region, offset) => {
  if (fieldAt(region, offset, capabilities, "tableLocation") !== IN_CAPABILITY) return TABLE;
  return TABLE + TAG * countAt(region, offset, tags);
};

/** TLP processing hints (section 7.9.13): requests say which cache they are for. */
export const processingHints = capability({
  id: 0x0017,
  title: "TLP Processing Hints Requester",
  head: 8,
  length,
  registers: {
    capabilities,
    control: register(0x08, 32, "7.9.13.3", "TPH Requester Control", {
      mode: bits(2, 0, "RW", "Where tags come from", ["no tags", "interrupt vector", "device specific"]),
      enable: bits(9, 8, "RW", "Requests with hints", [
        "off",
        "tags of 8 bits",
        undefined,
        "tags of 16 bits",
      ]),
    }),
  },
  lists: {
    tags: entryList(
      {
        tag: register(0x00, 16, "7.9.13.4", "TPH ST Table entry", {
          lower: bits(7, 0, "RW", "Lower byte of the tag"),
          upper: bits(15, 8, "RW", "Upper byte, with tags of 16 bits"),
        }),
      },
      TABLE,
      TAG,
    ),
  },
  counts: { tags },
});
