import { capability } from "../capability.ts";
import { address, bits, flag, register, value } from "../table.ts";

const section = (number: number) => `7.8.10.${number}`;

/** Sizes of a vector in bits, by value. */
const sizes = ["256", "512", "1024", "2048", "4096", "8192"];

/** Flattening portal bridge (section 7.8.10): vectors of bits that tell what lies behind a bridge. */
export const flatteningPortal = capability({
  id: 0x15,
  title: "Flattening Portal Bridge",
  length: 36,
  registers: {
    capabilities: register(0x04, 32, section(2), "FPB Capabilities", {
      rid: flag(0, "HwInit", "Decodes routing IDs"),
      memoryLow: flag(1, "HwInit", "Decodes memory below 4 GiB"),
      memoryHigh: flag(2, "HwInit", "Decodes memory above 4 GiB"),
      secondaryDevices: bits(7, 3, "HwInit", "Device numbers behind an upstream port, minus 1"),
      ridSize: bits(10, 8, "HwInit", "Bits of the routing ID vector", [
        "256",
        undefined,
        "1024",
        undefined,
        undefined,
        "8192",
      ]),
      memoryLowSize: bits(18, 16, "HwInit", "Bits of the vector below 4 GiB", sizes.slice(0, 5)),
      memoryHighSize: bits(26, 24, "HwInit", "Bits of the vector above 4 GiB", sizes),
    }),
    ridControl: register(0x08, 32, section(3), "FPB RID Vector Control 1", {
      enable: flag(0, "RW", "Routing ID decoding enabled"),
      granularity: bits(7, 4, "RW", "Routing IDs a bit", ["8", undefined, undefined, "64", undefined, "256"]),
      start: bits(31, 19, "RW", "First routing ID of the vector, bits 15:3"),
    }),
    ridSecondary: register(0x0c, 32, section(4), "FPB RID Vector Control 2", {
      start: address(15, 3, "RW", "First routing ID behind the bridge"),
    }),
    memoryLowControl: register(0x10, 32, section(5), "FPB MEM Low Vector Control", {
      enable: flag(0, "RW", "Decoding below 4 GiB enabled"),
      granularity: bits(7, 4, "RW", "MiB a bit", ["1", "2", "4", "8", "16"]),
      start: address(31, 20, "RW", "First address of the vector"),
    }),
    memoryHighControl: register(0x14, 32, section(6), "FPB MEM High Vector Control 1", {
      enable: flag(0, "RW", "Decoding above 4 GiB enabled"),
      granularity: bits(7, 4, "RW", "Bytes a bit", [
        ...["256 MiB", "512 MiB", "1 GiB", "2 GiB", "4 GiB", "8 GiB", "16 GiB", "32 GiB"],
      ]),
      start: address(31, 28, "RW", "First address of the vector, lower bits"),
    }),
    memoryHighStart: value(0x18, 32, section(7), "FPB MEM High Vector Control 2: upper bits", "RW"),
    access: register(0x1c, 32, section(8), "FPB Vector Access Control", {
      offset: bits(7, 0, "RW", "Dword of the vector"),
      vector: bits(15, 14, "RW", "Vector", ["routing IDs", "memory below 4 GiB", "memory above 4 GiB"]),
    }),
    data: value(0x20, 32, section(9), "FPB Vector Access Data", "RW"),
  },
});
