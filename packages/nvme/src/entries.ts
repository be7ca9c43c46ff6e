import { registerTable } from "@userpci/device-model/registers";

/** Bytes of a command in a submission queue. */
export const COMMAND_SIZE = 64;

/** Bytes of an entry of a completion queue. */
export const COMPLETION_SIZE = 16;

/** A command in a submission queue (NVM Express Base 2.0, section 3.3.3.1; 1.4, 4.2). */
export const nvmeCommand = registerTable("nvme command", {
  CDW0: {
    offset: 0x00,
    width: 32,
    access: "rw",
    doc: "Command Dword 0",
    fields: {
      OPC: { lo: 0, hi: 7, doc: "Opcode" },
      FUSE: {
        lo: 8,
        hi: 9,
        doc: "Fused Operation",
        words: { 0: "normal", 1: "first of two", 2: "second of two" },
      },
      PSDT: {
        lo: 14,
        hi: 15,
        doc: "PRP or SGL for Data Transfer",
        words: { 0: "PRP", 1: "SGL", 2: "SGL, metadata too" },
      },
      CID: { lo: 16, hi: 31, doc: "Command Identifier" },
    },
  },
  NSID: { offset: 0x04, width: 32, access: "rw", doc: "Namespace Identifier" },
  CDW2: { offset: 0x08, width: 32, access: "rw", doc: "Command Dword 2" },
  CDW3: { offset: 0x0c, width: 32, access: "rw", doc: "Command Dword 3" },
  MPTR: { offset: 0x10, width: 64, access: "rw", doc: "Metadata Pointer" },
  PRP1: { offset: 0x18, width: 64, access: "rw", doc: "PRP Entry 1: the first page of the data" },
  PRP2: { offset: 0x20, width: 64, access: "rw", doc: "PRP Entry 2: the second page, or a list of them" },
  CDW10: { offset: 0x28, width: 32, access: "rw", doc: "Command Dword 10" },
  CDW11: { offset: 0x2c, width: 32, access: "rw", doc: "Command Dword 11" },
  CDW12: { offset: 0x30, width: 32, access: "rw", doc: "Command Dword 12" },
  CDW13: { offset: 0x34, width: 32, access: "rw", doc: "Command Dword 13" },
  CDW14: { offset: 0x38, width: 32, access: "rw", doc: "Command Dword 14" },
  CDW15: { offset: 0x3c, width: 32, access: "rw", doc: "Command Dword 15" },
});

/** An entry of a completion queue (NVM Express Base 2.0, section 3.3.3.2; 1.4, 4.6). */
export const nvmeCompletion = registerTable("nvme completion", {
  DW0: { offset: 0x0, width: 32, access: "rw", doc: "Command specific" },
  DW1: { offset: 0x4, width: 32, access: "rw", doc: "Command specific" },
  DW2: {
    offset: 0x8,
    width: 32,
    access: "rw",
    doc: "Queue",
    fields: {
      SQHD: { lo: 0, hi: 15, doc: "SQ Head Pointer: commands before it were fetched" },
      SQID: { lo: 16, hi: 31, doc: "SQ Identifier" },
    },
  },
  DW3: {
    offset: 0xc,
    width: 32,
    access: "rw",
    doc: "Command and status",
    fields: {
      CID: { lo: 0, hi: 15, doc: "Command Identifier" },
      P: { lo: 16, doc: "Phase Tag: inverted with every pass over the queue" },
      SC: { lo: 17, hi: 24, doc: "Status Code" },
      SCT: {
        lo: 25,
        hi: 27,
        doc: "Status Code Type",
        words: { 0: "generic", 1: "command specific", 2: "media", 3: "path", 7: "vendor's" },
      },
      CRD: { lo: 28, hi: 29, doc: "Command Retry Delay" },
      M: { lo: 30, doc: "More: the error log has an entry" },
      DNR: { lo: 31, doc: "Do Not Retry" },
    },
  },
});
