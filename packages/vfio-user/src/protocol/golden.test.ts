// The bytes of every command, written by hand from the tables of the specification (QEMU docs/interop/vfio-user.rst), on a
// little-endian host. A header is: id 2, command 2, size 4, flags 4, errno 4.
import { describe, expect, test } from "vitest";
import { type CommandName, commands } from "./commands.ts";
import { decodeMessage, encodeError, encodeReply, encodeRequest } from "./messages.ts";
import { multiWrite } from "./structures.ts";

const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.replaceAll(/\s/g, "").match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const data = Uint8Array.of(0xde, 0xad, 0xbe, 0xef);

interface Golden {
  readonly name: CommandName;
  readonly reply?: boolean;
  readonly values?: Readonly<Record<string, number | bigint>>;
  readonly tail?: Uint8Array;
  readonly hex: string;
}

const twoWrites = multiWrite.pack({ offset: 0x10n, region: 0, count: 4, data: 0x11223344n }, multiWrite.size);
multiWrite.write(
  twoWrites,
  { offset: 0x20n, region: 2, count: 8, data: 0x0102030405060708n },
  multiWrite.size,
);

const golden: readonly Golden[] = [
  {
    name: "version",
    values: { major: 0, minor: 2 },
    tail: ascii("{}\0"),
    //    id   cmd  size     flags    errno    maj  min  { }  NUL
    hex: "0100 0100 17000000 00000000 00000000 0000 0200 7b7d 00",
  },
  {
    name: "version",
    reply: true,
    values: { major: 0, minor: 1 },
    hex: "0100 0100 14000000 01000000 00000000 0000 0100",
  },
  {
    name: "dmaMap",
    values: { argsz: 32, flags: 3, offset: 0x1000n, address: 0x1_0000_0000n, size: 0x2000n },
    //    header                                   argsz    flags RW offset           address          size
    hex: "0100 0200 30000000 00000000 00000000 20000000 03000000 0010000000000000 0000000001000000 0020000000000000",
  },
  { name: "dmaMap", reply: true, hex: "0100 0200 10000000 01000000 00000000" },
  {
    name: "dmaUnmap",
    values: { argsz: 24, flags: 0, address: 0x1_0000_0000n, size: 0x2000n },
    hex: "0100 0300 28000000 00000000 00000000 18000000 00000000 0000000001000000 0020000000000000",
  },
  {
    name: "dmaUnmap",
    reply: true,
    values: { argsz: 24, flags: 2 },
    hex: "0100 0300 28000000 01000000 00000000 18000000 02000000 0000000000000000 0000000000000000",
  },
  {
    name: "deviceGetInfo",
    values: { argsz: 16 },
    hex: "0100 0400 20000000 00000000 00000000 10000000 00000000 00000000 00000000",
  },
  {
    name: "deviceGetInfo",
    reply: true,
    values: { argsz: 16, flags: 3, num_regions: 9, num_irqs: 5 },
    hex: "0100 0400 20000000 01000000 00000000 10000000 03000000 09000000 05000000",
  },
  {
    name: "regionGetInfo",
    values: { argsz: 32, index: 7 },
    //    header                                   argsz    flags    index    cap      size             offset
    hex: "0100 0500 30000000 00000000 00000000 20000000 00000000 07000000 00000000 0000000000000000 0000000000000000",
  },
  {
    name: "regionGetInfo",
    reply: true,
    values: { argsz: 32, flags: 3, index: 7, size: 0x1000n },
    hex: "0100 0500 30000000 01000000 00000000 20000000 03000000 07000000 00000000 0010000000000000 0000000000000000",
  },
  {
    name: "regionGetIoFds",
    values: { argsz: 16, index: 2 },
    hex: "0100 0600 20000000 00000000 00000000 10000000 00000000 02000000 00000000",
  },
  {
    name: "regionGetIoFds",
    reply: true,
    values: { argsz: 16, index: 2, count: 0 },
    hex: "0100 0600 20000000 01000000 00000000 10000000 00000000 02000000 00000000",
  },
  {
    name: "irqGetInfo",
    values: { argsz: 16, index: 2 },
    hex: "0100 0700 20000000 00000000 00000000 10000000 00000000 02000000 00000000",
  },
  {
    name: "irqGetInfo",
    reply: true,
    values: { argsz: 16, flags: 9, index: 2, count: 32 },
    hex: "0100 0700 20000000 01000000 00000000 10000000 09000000 02000000 20000000",
  },
  {
    name: "setIrqs",
    values: { argsz: 23, flags: 0x22, index: 2, start: 1, count: 3 },
    tail: Uint8Array.of(1, 0, 1),
    //    header                                   argsz    BOOL|TRIGGER index  start    count    bools
    hex: "0100 0800 27000000 00000000 00000000 17000000 22000000 02000000 01000000 03000000 010001",
  },
  {
    name: "setIrqs",
    values: { argsz: 20, flags: 0x24, index: 0, start: 0, count: 1 },
    hex: "0100 0800 24000000 00000000 00000000 14000000 24000000 00000000 00000000 01000000",
  },
  { name: "setIrqs", reply: true, hex: "0100 0800 10000000 01000000 00000000" },
  {
    name: "regionRead",
    values: { offset: 0x88n, region: 0, count: 4 },
    //    header                                   offset           region   count
    hex: "0100 0900 20000000 00000000 00000000 8800000000000000 00000000 04000000",
  },
  {
    name: "regionRead",
    reply: true,
    values: { offset: 0x88n, region: 0, count: 4 },
    tail: data,
    hex: "0100 0900 24000000 01000000 00000000 8800000000000000 00000000 04000000 deadbeef",
  },
  {
    name: "regionWrite",
    values: { offset: 4n, region: 7, count: 4 },
    tail: data,
    hex: "0100 0a00 24000000 00000000 00000000 0400000000000000 07000000 04000000 deadbeef",
  },
  {
    name: "regionWrite",
    reply: true,
    values: { offset: 4n, region: 7, count: 4 },
    hex: "0100 0a00 20000000 01000000 00000000 0400000000000000 07000000 04000000",
  },
  {
    name: "dmaRead",
    values: { address: 0x10_0000n, count: 4n },
    //    header                                   address          count (64 bits)
    hex: "0100 0b00 20000000 00000000 00000000 0000100000000000 0400000000000000",
  },
  {
    name: "dmaRead",
    reply: true,
    values: { address: 0x10_0000n, count: 4n },
    tail: data,
    hex: "0100 0b00 24000000 01000000 00000000 0000100000000000 0400000000000000 deadbeef",
  },
  {
    name: "dmaWrite",
    values: { address: 0x10_0000n, count: 4n },
    tail: data,
    hex: "0100 0c00 24000000 00000000 00000000 0000100000000000 0400000000000000 deadbeef",
  },
  {
    name: "dmaWrite",
    reply: true,
    values: { address: 0x10_0000n, count: 4n },
    hex: "0100 0c00 20000000 01000000 00000000 0000100000000000 0400000000000000",
  },
  { name: "deviceReset", hex: "0100 0d00 10000000 00000000 00000000" },
  { name: "deviceReset", reply: true, hex: "0100 0d00 10000000 01000000 00000000" },
  {
    name: "regionWriteMulti",
    values: { count: 2n },
    tail: twoWrites,
    hex: `0100 0f00 48000000 00000000 00000000 0200000000000000
      1000000000000000 00000000 04000000 4433221100000000
      2000000000000000 02000000 08000000 0807060504030201`,
  },
  {
    name: "regionWriteMulti",
    reply: true,
    values: { count: 2n },
    hex: "0100 0f00 18000000 01000000 00000000 0200000000000000",
  },
  {
    name: "deviceFeature",
    values: { argsz: 16, flags: 0x1_0001 },
    //    header                                   argsz    GET|MIGRATION
    hex: "0100 1000 18000000 00000000 00000000 10000000 01000100",
  },
  {
    name: "deviceFeature",
    reply: true,
    values: { argsz: 16, flags: 0x1_0001 },
    tail: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0),
    hex: "0100 1000 20000000 01000000 00000000 10000000 01000100 0100000000000000",
  },
  {
    name: "migrationDataRead",
    values: { argsz: 8, size: 4096 },
    hex: "0100 1100 18000000 00000000 00000000 08000000 00100000",
  },
  {
    name: "migrationDataRead",
    reply: true,
    values: { argsz: 12, size: 4 },
    tail: data,
    hex: "0100 1100 1c000000 01000000 00000000 0c000000 04000000 deadbeef",
  },
  {
    name: "migrationDataWrite",
    values: { argsz: 12, size: 4 },
    tail: data,
    hex: "0100 1200 1c000000 00000000 00000000 0c000000 04000000 deadbeef",
  },
  { name: "migrationDataWrite", reply: true, hex: "0100 1200 10000000 01000000 00000000" },
];

const titleOf = ({ name, reply, hex }: Golden): string =>
  `${name} ${reply ? "reply" : "request"}, ${bytesOf(hex).length} bytes`;

describe("golden bytes", () => {
  test.each(golden.map((row) => [titleOf(row), row] as const))("%s", (_title, row) => {
    const { name, reply = false, values = {}, tail = new Uint8Array(0), hex } = row;
    const encode = (reply ? encodeReply : encodeRequest) as typeof encodeRequest;
    expect(Buffer.from(encode(name, 1, values as never, tail)).toString("hex")).toBe(
      Buffer.from(bytesOf(hex)).toString("hex"),
    );
    const message = decodeMessage(bytesOf(hex));
    expect(message.name).toBe(name);
    expect(message.header).toMatchObject({ id: 1, reply, error: false, errno: 0 });
    expect(message.values).toMatchObject(values);
    expect("tail" in message && Buffer.from(message.tail)).toEqual(Buffer.from(tail));
  });

  test("both directions of every command are above", () => {
    const directions = golden.map(({ name, reply = false }) => `${name} ${reply}`);
    for (const name of Object.keys(commands)) {
      expect(directions).toContain(`${name} false`);
      expect(directions).toContain(`${name} true`);
    }
  });

  test("a posted write has the NO_REPLY flag", () => {
    const posted = encodeRequest("regionWrite", 1, { offset: 4n, region: 7, count: 4 }, data, true);
    const hex = "0100 0a00 24000000 10000000 00000000 0400000000000000 07000000 04000000 deadbeef";
    expect(Buffer.from(posted)).toEqual(Buffer.from(bytesOf(hex)));
    expect(decodeMessage(posted).header.noReply).toBe(true);
  });

  test("a refusal is a header with type reply, ERROR and a positive number", () => {
    // EINVAL is 22.
    const hex = "0700 0d00 10000000 21000000 16000000";
    expect(Buffer.from(encodeError(7, 13, 22))).toEqual(Buffer.from(bytesOf(hex)));
    expect(decodeMessage(bytesOf(hex))).toMatchObject({
      name: "deviceReset",
      header: { id: 7, reply: true, error: true, errno: 22 },
      values: undefined,
    });
  });
});
