import { capability } from "../capability.ts";
import { bits, flag, register, value } from "../table.ts";

const section = (part: number) => `PCI Express 6.0, 7.9.24.${part}`;

/** Data object exchange (PCI Express 6.0, section 7.9.24): a mailbox. Its mailboxes must be read and written a dword at a time. */
export const dataObjectExchange = capability({
  id: 0x002e,
  title: "Data Object Exchange",
  length: 0x18,
  registers: {
    capabilities: register(0x04, 32, section(2), "DOE Capabilities", {
      interrupt: flag(0, "HwInit", "Can interrupt"),
      interruptMessage: bits(11, 1, "RO", "Number of its interrupt message"),
      attention: flag(12, "HwInit", "Has the attention mechanism"),
      asyncMessage: flag(13, "HwInit", "Can send asynchronous messages"),
    }),
    control: register(0x08, 32, section(3), "DOE Control", {
      abort: flag(0, "RW", "Abort; reads 0"),
      interruptEnable: flag(1, "RW", "Interrupt enable"),
      attentionNotNeeded: flag(2, "RW", "Attention is not needed"),
      asyncMessageEnable: flag(3, "RW", "Asynchronous messages enable"),
      go: flag(31, "RW", "The data object in the write mailbox is whole; reads 0"),
    }),
    status: register(
      0x0c,
      32,
      section(4),
      "DOE Status",
      {
        busy: flag(0, "RO", "Busy"),
        interrupt: flag(1, "RW1C", "Interrupt pending"),
        error: flag(2, "RO", "Error"),
        asyncMessage: flag(3, "RO", "An asynchronous message waits"),
        atAttention: flag(4, "RO", "At attention"),
        ready: flag(31, "RO", "A data object is ready in the read mailbox"),
      },
      { reserved: "RsvdZ" },
    ),
    writeMailbox: value(0x10, 32, section(5), "DOE Write Data Mailbox; reads 0", "RW"),
    readMailbox: value(0x14, 32, section(6), "DOE Read Data Mailbox; a write takes the dword out", "RW"),
  },
});
