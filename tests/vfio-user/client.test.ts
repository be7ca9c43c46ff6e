import { iovaHi, iovaLo, toIova } from "@userpci/interface";
import { vfioUser } from "@userpci/vfio-user/client";
import { openDeviceSync, type PciDevice } from "userpci";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { noPrograms, SocketFolder } from "./c-programs.ts";
import { CServer, type SeenMessage } from "./c-server.ts";
import { command, hex } from "./scenario.ts";

const { DMA_MAP, DMA_UNMAP, DEVICE_GET_IRQ_INFO, DEVICE_SET_IRQS, REGION_READ, REGION_WRITE, DEVICE_RESET } =
  command;
const REPLY = 0x1;
const NO_REPLY = 0x10;

/** What our client sends, of which only what is not 0 or none is told. */
interface Sent {
  readonly command: number;
  readonly flags?: number;
  readonly fds?: number;
  /** Hexadecimal; spaces are for people. */
  readonly body: string;
}

/** Reads a register that nothing else reads, so that the server's log has an end. */
const MARK: SeenMessage = {
  command: REGION_READ,
  flags: 0,
  fds: 0,
  body: hex("3400000000000000 00000000 04000000"),
};

/** What the server was sent since the last time. */
async function sentSince(device: PciDevice, server: CServer): Promise<SeenMessage[]> {
  device.bar(0).region().read32(0x34);
  const all: SeenMessage[] = [];
  for (;;) {
    const message = await server.seen();
    if (message.command === MARK.command && message.body === MARK.body) return all;
    all.push(message);
  }
}

/** What is done, and the bytes that it must send. */
const exchanges: readonly (readonly [
  name: string,
  run: (device: PciDevice) => void,
  sent: readonly Sent[],
])[] = [
  [
    "registers are read, 32, 16 and 8 bits",
    (device) => {
      const region = device.bar(0).region();
      expect(region.read32(0)).toBe(0x7c010001);
      expect(region.read16(2)).toBe(0x7c01);
      expect(region.read8(3)).toBe(0x7c);
    },
    [
      //                           offset           region   count
      { command: REGION_READ, body: "0000000000000000 00000000 04000000" },
      { command: REGION_READ, body: "0200000000000000 00000000 02000000" },
      { command: REGION_READ, body: "0300000000000000 00000000 01000000" },
    ],
  ],
  [
    "registers are written, 32, 16 and 8 bits",
    (device) => {
      const region = device.bar(0).region();
      region.write32(4, 0x12345678);
      region.write16(4, 0xaabb);
      region.write8(7, 0xcc);
      expect(region.read32(4)).toBe(0xcc34aabb);
    },
    [
      { command: REGION_WRITE, body: "0400000000000000 00000000 04000000 78563412" },
      { command: REGION_WRITE, body: "0400000000000000 00000000 02000000 bbaa" },
      { command: REGION_WRITE, body: "0700000000000000 00000000 01000000 cc" },
      { command: REGION_READ, body: "0400000000000000 00000000 04000000" },
    ],
  ],
  [
    "memory is mapped for DMA by a descriptor, and unmapped",
    (device) => {
      const buffer = device.dma.allocSync(8192, { iova: toIova(0x10_0000n) });
      buffer.closeSync();
    },
    [
      //                       argsz    RW       offset           address          size
      {
        command: DMA_MAP,
        fds: 1,
        body: "20000000 03000000 0000000000000000 0000100000000000 0020000000000000",
      },
      { command: DMA_UNMAP, body: "18000000 00000000 0000100000000000 0020000000000000" },
    ],
  ],
  [
    "memory that the device may only read is mapped so",
    (device) => {
      const buffer = device.dma.allocSync(4096, { iova: toIova(0x20_0000n), direction: "to-device" });
      buffer.closeSync();
    },
    [
      {
        command: DMA_MAP,
        fds: 1,
        body: "20000000 01000000 0000000000000000 0000200000000000 0010000000000000",
      },
      { command: DMA_UNMAP, body: "18000000 00000000 0000200000000000 0010000000000000" },
    ],
  ],
  [
    "vectors of MSI-X get eventfds, are triggered and disabled",
    (device) => {
      const set = device.irqs.enable("msix", { count: 4 });
      set.at(2).trigger();
      expect(set.at(2).waitSync({ timeoutMs: 5000 })).toBe(1);
      set.close();
    },
    [
      //                               argsz    flags    index    count
      { command: DEVICE_GET_IRQ_INFO, body: "10000000 00000000 02000000 00000000" },
      //                                argsz    flags    index    start    count
      { command: DEVICE_SET_IRQS, fds: 4, body: "14000000 24000000 02000000 00000000 04000000" },
      { command: DEVICE_SET_IRQS, body: "14000000 21000000 02000000 02000000 01000000" },
      { command: DEVICE_SET_IRQS, body: "14000000 21000000 02000000 00000000 00000000" },
    ],
  ],
  [
    "INTx is masked and unmasked",
    (device) => {
      const set = device.irqs.enable("intx");
      set.at(0).mask();
      set.at(0).unmask();
      set.close();
    },
    [
      { command: DEVICE_GET_IRQ_INFO, body: "10000000 00000000 00000000 00000000" },
      { command: DEVICE_SET_IRQS, fds: 1, body: "14000000 24000000 00000000 00000000 01000000" },
      { command: DEVICE_SET_IRQS, body: "14000000 09000000 00000000 00000000 01000000" },
      { command: DEVICE_SET_IRQS, body: "14000000 11000000 00000000 00000000 01000000" },
      { command: DEVICE_SET_IRQS, body: "14000000 21000000 00000000 00000000 00000000" },
    ],
  ],
  ["the device is reset", (device) => device.resetSync(), [{ command: DEVICE_RESET, body: "" }]],
];

describe.skipIf(noPrograms)("our client against the server in C", () => {
  let folder: SocketFolder;
  let server: CServer;
  beforeEach(async () => {
    folder = new SocketFolder();
    server = await CServer.start(folder.socket());
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  const open = (options = {}): PciDevice =>
    openDeviceSync(server.path, { backend: vfioUser(server.path, options) });

  it("agrees on a version, and asks what is there", async () => {
    using device = open();
    const sent = await sentSince(device, server);
    expect(sent[0]).toMatchObject({ command: command.VERSION, flags: 0, fds: 0 });
    const version = Buffer.from(sent[0]!.body, "hex");
    expect(version.readUInt16LE(0)).toBe(0);
    expect(version.at(-1)).toBe(0);
    expect(JSON.parse(version.subarray(4, -1).toString())).toMatchObject({
      capabilities: { max_msg_fds: expect.any(Number), max_data_xfer_size: 2 ** 20 },
    });
    const asked = sent.slice(1).map(({ command, body }) => [command, body]);
    //                                                        argsz    flags    regions  irqs
    expect(asked).toContainEqual([command.DEVICE_GET_INFO, hex("10000000 00000000 00000000 00000000")]);
    const regionInfo = "20000000 00000000 07000000 00000000 0000000000000000 0000000000000000";
    expect(asked).toContainEqual([command.DEVICE_GET_REGION_INFO, hex(regionInfo)]);
    expect(device.info).toMatchObject({ regions: 9, irqs: 5, resettable: true });
  });

  it("asks for an area of a BAR again with room for its capabilities, and maps it", async () => {
    using device = open();
    const bar = device.bar(2);
    expect(bar.info.mappable).toEqual([
      { offset: 0x1000, size: 0x1000 },
      { offset: 0x3000, size: 0x1000 },
    ]);
    const sent = (await sentSince(device, server)).map(({ command, body }) => [command, body]);
    const asking = (argsz: string): [number, string] => [
      command.DEVICE_GET_REGION_INFO,
      hex(`${argsz} 00000000 02000000 00000000 0000000000000000 0000000000000000`),
    ];
    expect(sent).toContainEqual(asking("20000000"));
    expect(sent).toContainEqual(asking("50000000"));
    using region = bar.map();
    region.write32(0x1010, 0xfeedc0de);
    region.write32(0x2010, 0x0badcafe);
    expect(bar.region().read32(0x1010)).toBe(0xfeedc0de);
    expect(await sentSince(device, server)).toEqual([
      message({ command: REGION_WRITE, body: "1020000000000000 02000000 04000000 fecaad0b" }),
      message({ command: REGION_READ, body: "1010000000000000 02000000 04000000" }),
    ]);
  });

  it.each(exchanges)("%s", async (_name, run, sent) => {
    using device = open();
    device.config.command.update({ memory: true, busMaster: true });
    await sentSince(device, server);
    run(device);
    expect(await sentSince(device, server)).toEqual(sent.map(message));
  });

  it("posts writes where it may", async () => {
    using device = open({ postedWrites: "always" });
    await sentSince(device, server);
    device.bar(0).region().write32(4, 0x11223344);
    expect(device.bar(0).region().read32(4)).toBe(0x11223344);
    expect(await sentSince(device, server)).toEqual([
      message({
        command: REGION_WRITE,
        flags: NO_REPLY,
        body: "0400000000000000 00000000 04000000 44332211",
      }),
      message({ command: REGION_READ, body: "0400000000000000 00000000 04000000" }),
    ]);
  });

  it("is told of what the server refuses, and goes on", async () => {
    using device = open();
    const region = device.bar(0).region();
    device.config.command.update({ memory: false });
    expect(() => region.read32(0)).toThrow(expect.objectContaining({ code: "ERR_MEMORY_DISABLED" }));
    device.config.command.update({ memory: true });
    expect(region.read32(0)).toBe(0x7c010001);
  });
});

describe.skipIf(noPrograms).each([
  ["by descriptors", [], false],
  ["by messages", ["--messages"], false],
  ["by messages on a twin socket", ["--messages"], true],
] as const)("DMA of the server in C in our client's memory, %s", (_name, options, twinSocket) => {
  it("reads and writes what the client has there", async () => {
    using folder = new SocketFolder();
    await using server = await CServer.start(folder.socket(), ...options);
    using device = openDeviceSync(server.path, { backend: vfioUser(server.path, { twinSocket }) });
    device.config.command.update({ memory: true, busMaster: true });
    const vector = device.irqs.enable("msix").at(0);
    const buffer = device.dma.allocSync(8192);
    const region = device.bar(0).region();
    const move = (direction: 1 | 2, address: bigint, size: number): number => {
      region.write32(0x20, iovaLo(address));
      region.write32(0x24, iovaHi(address));
      region.write32(0x28, size);
      region.write32(0x2c, direction | 0x100);
      // The server asks while nothing is asked of it: a read answers what it asks meanwhile.
      while (region.read32(0x30) === 1);
      expect(vector.waitSync({ timeoutMs: 5000 })).toBe(1);
      return region.read32(0x30);
    };
    buffer.bytes.set(Uint8Array.from({ length: 4096 }, (_, i) => i % 251));
    expect(move(1, buffer.iova, 4096)).toBe(0);
    expect(move(2, buffer.iova + 4000n, 4096)).toBe(0);
    expect(buffer.bytes.subarray(4000, 8096)).toEqual(
      buffer.bytes
        .slice(0, 4096)
        .fill(0)
        .map((_, i) => i % 251),
    );
    // Past its end, and where nothing is.
    expect(move(1, buffer.iova + 8190n, 4)).toBe(2);
    expect(move(2, 0n, 4)).toBe(2);
    if (options.length === 0) return;
    await sentSince(device, server);
    move(1, buffer.iova + 8n, 4);
    move(2, buffer.iova + 16n, 4);
    const answers = (await sentSince(device, server)).filter(({ flags }) => flags === REPLY);
    expect(answers).toEqual([
      message({
        command: command.DMA_READ,
        flags: REPLY,
        body: `${u64(buffer.iova + 8n)} ${u64(4n)} 08090a0b`,
      }),
      message({ command: command.DMA_WRITE, flags: REPLY, body: `${u64(buffer.iova + 16n)} ${u64(4n)}` }),
    ]);
  });
});

const message = ({ command, flags = 0, fds = 0, body }: Sent): SeenMessage => ({
  command,
  flags,
  fds,
  body: hex(body),
});

/** A 64-bit number as it is on the wire. */
function u64(value: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.toString("hex");
}
