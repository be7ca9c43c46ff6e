import { registerTable } from "@userpci/device-model/registers";

/** What the register ID reads of every NIC of this kind. */
export const NIC_MAGIC = 0x3143_494e;

/** Vectors of MSI-X. */
export const nicVector = { RX: 0, TX: 1, LINK: 2 } as const;

/** Causes of interrupts, bits of INT_STATUS and INT_ENABLE. */
export const nicCause = { RX: 1 << 0, TX: 1 << 1, LINK: 1 << 2 } as const;

const causes = {
  RX: { lo: 0, doc: "Frames were received, vector 0" },
  TX: { lo: 1, doc: "Frames that ask for it were sent, vector 1" },
  LINK: { lo: 2, doc: "The link came up or went down, or a ring could not be reached, vector 2" },
} as const;

/** Registers of the NIC in BAR 0. */
export const nicRegisters = registerTable("nic", {
  ID: { offset: 0x00, width: 32, access: "ro", reset: NIC_MAGIC, doc: "`NIC1`" },
  CTRL: {
    offset: 0x04,
    width: 32,
    access: "rw",
    doc: "Control",
    effect: "Writing RESET stops everything and gives every register its reset value",
    fields: {
      LINK: { lo: 0, doc: "Offers the link; it is up while both ends do" },
      TX: { lo: 1, doc: "Sends what is in the TX ring" },
      RX: { lo: 2, doc: "Receives into the RX ring" },
      PROMISCUOUS: { lo: 3, doc: "Receives frames for other stations too" },
      RESET: { lo: 31, access: "wo", doc: "Resets the NIC; reads 0" },
    },
  },
  STATUS: {
    offset: 0x08,
    width: 32,
    access: "ro",
    doc: "Status",
    fields: {
      LINK: { lo: 0, doc: "The link is up" },
      TX_FAULT: { lo: 1, doc: "The TX ring is none, or cannot be reached; only a reset helps" },
      RX_FAULT: { lo: 2, doc: "The RX ring is none, or cannot be reached; only a reset helps" },
    },
  },
  MAX_FRAME: { offset: 0x0c, width: 32, access: "ro", doc: "Longest frame, bytes without checksum" },
  MAC_LOW: { offset: 0x10, width: 32, access: "rw", doc: "Bytes 0 to 3 of the address, the first lowest" },
  MAC_HIGH: {
    offset: 0x14,
    width: 32,
    access: "ro",
    doc: "Bytes 4 and 5 of the address",
    fields: { BYTES: { lo: 0, hi: 15, access: "rw", doc: "Bytes 4 and 5" } },
  },
  INT_STATUS: {
    offset: 0x20,
    width: 32,
    access: "rw1c",
    doc: "Causes that have come up. With MSI-X they need not be cleared",
    fields: causes,
  },
  INT_ENABLE: {
    offset: 0x24,
    width: 32,
    access: "ro",
    doc: "Causes that interrupt",
    fields: {
      RX: { ...causes.RX, access: "rw" },
      TX: { ...causes.TX, access: "rw" },
      LINK: { ...causes.LINK, access: "rw" },
    },
  },
  TX_BASE: { offset: 0x40, width: 64, access: "rw", doc: "Address of the TX ring, a multiple of 16" },
  TX_SIZE: { offset: 0x48, width: 32, access: "rw", doc: "Its descriptors, a power of two from 2 to 4096" },
  TX_TAIL: {
    offset: 0x4c,
    width: 32,
    access: "rw",
    doc: "Slot behind the last frame to send",
    effect: "Frames up to it are sent",
  },
  TX_HEAD: { offset: 0x50, width: 32, access: "ro", doc: "Slot of the next frame to send" },
  RX_BASE: { offset: 0x60, width: 64, access: "rw", doc: "Address of the RX ring, a multiple of 16" },
  RX_SIZE: { offset: 0x68, width: 32, access: "rw", doc: "Its descriptors, a power of two from 2 to 4096" },
  RX_TAIL: {
    offset: 0x6c,
    width: 32,
    access: "rw",
    doc: "Slot behind the last empty buffer",
    effect: "Buffers up to it may be filled",
  },
  RX_HEAD: { offset: 0x70, width: 32, access: "ro", doc: "Slot of the next buffer to fill" },
  TX_FRAMES: { offset: 0x80, width: 32, access: "ro", doc: "Frames sent" },
  TX_ERRORS: {
    offset: 0x84,
    width: 32,
    access: "ro",
    doc: "Frames that were too short or long, or not readable",
  },
  TX_BYTES: { offset: 0x88, width: 64, access: "ro", doc: "Bytes sent" },
  RX_FRAMES: { offset: 0x90, width: 32, access: "ro", doc: "Frames received" },
  RX_ERRORS: {
    offset: 0x94,
    width: 32,
    access: "ro",
    doc: "Frames longer than their buffer, or with no writable one",
  },
  RX_BYTES: { offset: 0x98, width: 64, access: "ro", doc: "Bytes received" },
  RX_DROPPED: { offset: 0xa0, width: 32, access: "ro", doc: "Frames for which no buffer was there" },
});

/** Bytes of a descriptor. */
export const DESCRIPTOR_SIZE = 16;

/** A descriptor of either ring. The NIC writes the last two dwords back. */
export const nicDescriptor = registerTable("nic descriptor", {
  ADDRESS: { offset: 0x0, width: 64, access: "rw", doc: "Where the frame or the buffer is" },
  LENGTH: {
    offset: 0x8,
    width: 32,
    access: "rw",
    doc: "TX: bytes of the frame. RX: bytes of the buffer, then of the frame in it",
  },
  FLAGS: {
    offset: 0xc,
    width: 32,
    access: "rw",
    doc: "What is to be done, and was; 0 before",
    fields: {
      INTERRUPT: { lo: 0, doc: "TX: interrupts when it was sent" },
      ERROR: { lo: 30, doc: "It was not sent, or what is in the buffer is no frame" },
      DONE: { lo: 31, doc: "The NIC is done with it" },
    },
  },
});

/** Bits of the last dword of a descriptor; DONE is the sign bit. */
export const descriptorFlag = { INTERRUPT: 1 << 0, ERROR: 1 << 30, DONE: 1 << 31 } as const;

/** Bytes of the shortest frame: the header of Ethernet. */
export const SHORTEST_FRAME = 14;

/** Most descriptors of a ring. */
export const MOST_DESCRIPTORS = 4096;

/** PCI vendor and device id. */
export const NIC_ID = "1234:4e49";
