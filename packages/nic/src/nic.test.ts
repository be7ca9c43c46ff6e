import { emulated } from "@userpci/device-model";
import { isPciError, openDevice, type PciDevice } from "userpci";
import { afterEach, describe, expect, it } from "vitest";
import { type NicPairOptions, nicPair } from "./model/index.ts";
import { Nic } from "./nic.ts";
import type { NicOptions } from "./options.ts";

let backend: ReturnType<typeof emulated>;
let devices: PciDevice[] = [];

/** Two devices that are linked. */
async function open(options?: NicPairOptions): Promise<[PciDevice, PciDevice]> {
  const [a, b] = nicPair(options);
  backend = emulated({ nic0: a, nic1: b });
  devices = [await openDevice("nic0", { backend }), await openDevice("nic1", { backend })];
  return devices as [PciDevice, PciDevice];
}

async function attach(options?: NicOptions, pair?: NicPairOptions): Promise<[Nic, Nic]> {
  const [a, b] = await open(pair);
  return [Nic.attach(a, options), Nic.attach(b, options)];
}

afterEach(() => Promise.all(devices.map((device) => device.close())));

const macs = { nic0: [2, 0, 0, 0, 0, 1], nic1: [2, 0, 0, 0, 0, 2] } as const;

/** A frame of a length, with a number in it. */
function frame(to: readonly number[], length: number, content: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(content & 0xff, 14);
  bytes.set(to);
  bytes.set([0x88, 0xb5], 12);
  return bytes;
}

/** What a NIC has received by now. */
function received(nic: Nic): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let look = 0; look < 8; look++) {
    nic.device.relax();
    nic.poll((buffer, length) => frames.push(buffer.slice(0, length)));
  }
  return frames;
}

/** Lengths of frames that are as they were sent; -1 for others. */
function lengths(frames: readonly Uint8Array[], sent: readonly Uint8Array[]): number[] {
  return frames.map((bytes, i) => (Buffer.compare(bytes, sent[i]!) === 0 ? bytes.length : -1));
}

describe("a driver that only polls", () => {
  it("sends frames both ways, of every length", async () => {
    const [a, b] = await attach();
    expect([a.mac, b.mac]).toEqual([Uint8Array.from(macs.nic0), Uint8Array.from(macs.nic1)]);
    const there = [14, 60, 1514, 2048].map((length, i) => frame(macs.nic1, length, i + 1));
    const back = [15, 2047].map((length, i) => frame(macs.nic0, length, i + 100));
    for (const each of there) expect(a.send(each)).toBe(true);
    for (const each of back) expect(b.send(each)).toBe(true);
    expect(lengths(received(b), there)).toEqual([14, 60, 1514, 2048]);
    expect(lengths(received(a), back)).toEqual([15, 2047]);
    expect(a.statistics()).toEqual({
      sent: { frames: 4, bytes: 3636n, errors: 0 },
      received: { frames: 2, bytes: 2062n, errors: 0, dropped: 0 },
    });
  });

  it("wraps around its rings, and loses nothing", async () => {
    const [a, b] = await attach({ ringSize: 8 });
    for (let i = 0; i < 300; i++) {
      while (!a.send(frame(macs.nic1, 64, i))) a.device.relax();
      expect(received(b).map((bytes) => bytes[20])).toEqual([i & 0xff]);
    }
  });

  it("gets what was queued with one flush", async () => {
    const [a, b] = await attach();
    for (let i = 0; i < 100; i++) a.queue(frame(macs.nic1, 64, i));
    expect(received(b)).toEqual([]);
    a.flush();
    expect(received(b).map((bytes) => bytes[20])).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  it("iterates over frames, until it is closed", async () => {
    const [a, b] = await attach();
    const seen: number[] = [];
    for (let i = 0; i < 3; i++) a.send(frame(macs.nic1, 60, i));
    for await (const bytes of b.frames()) if (seen.push(bytes[20]!) === 3) b.close();
    expect(seen).toEqual([0, 1, 2]);
    const signal = AbortSignal.abort();
    await expect(a.frames({ signal }).next()).rejects.toMatchObject({ code: "ERR_ABORTED" });
  });

  it("receives for its own station and for all, and with `promiscuous` for others", async () => {
    const [a, b] = await attach();
    const other = frame([2, 0, 0, 0, 0, 9], 60, 1);
    const all = frame([255, 255, 255, 255, 255, 255], 60, 2);
    a.send(other);
    a.send(all);
    expect(received(b)).toEqual([all]);
    b.close();
    const open_ = Nic.attach(b.device, { promiscuous: true });
    a.send(other);
    expect(received(open_)).toEqual([other]);
  });
});

describe("a driver with interrupts", () => {
  it("is told of frames, of room, and of the link", async () => {
    const [one, two] = await open();
    const a = Nic.attach(one, { ringSize: 4, interrupts: true });
    const links: boolean[] = [];
    using _link = a.onLink((up) => links.push(up));
    const b = Nic.attach(two, { ringSize: 4, interrupts: true });
    const seen: number[] = [];
    using _frames = b.onFrame((buffer) => seen.push(buffer[20]!));
    for (let i = 0; i < 50; i++) {
      while (!a.send(frame(macs.nic1, 64, i))) await a.writable();
      await until(() => seen.length > i);
    }
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i));
    b.close();
    await until(() => links.includes(false));
    expect([links[0], links.at(-1), a.linkUp]).toEqual([true, false, false]);
  });

  it("is told that the other end was pulled out, and that it is back", async () => {
    const [a, b] = await attach({ interrupts: true });
    const links: boolean[] = [];
    using _link = a.onLink((up) => links.push(up));
    await until(() => a.linkUp);
    backend.function("nic1").unplug();
    await until(() => links.at(-1) === false);
    b.close();
    await devices[1]!.close();
    backend.function("nic1").replug();
    devices[1] = await openDevice("nic1", { backend });
    using _other = Nic.attach(devices[1]);
    await until(() => a.linkUp);
  });

  it("iterates over frames", async () => {
    const [a, b] = await attach({ interrupts: true });
    const iterator = b.frames();
    const next = iterator.next();
    await new Promise((resolve) => setTimeout(resolve, 5));
    a.send(frame(macs.nic1, 60, 77));
    expect((await next).value![20]).toBe(77);
  });

  it("has to ask for them", async () => {
    const [a] = await attach();
    expect(codeOf(() => a.onFrame(() => undefined))).toBe("ERR_NOT_SUPPORTED");
  });
});

describe("frames that cannot arrive", () => {
  it("are dropped and counted where no buffer is left", async () => {
    const [a, b] = await attach({ ringSize: 4 });
    for (let i = 0; i < 10; i++) while (!a.send(frame(macs.nic1, 64, i))) a.device.relax();
    expect(received(b).map((bytes) => bytes[20])).toEqual([0, 1, 2]);
    expect(b.statistics().received).toMatchObject({ frames: 3, dropped: 7 });
    a.send(frame(macs.nic1, 64, 99));
    expect(received(b)).toHaveLength(1);
  });

  it("are errors where they are longer than the other's buffers", async () => {
    const [one, two] = await open();
    const a = Nic.attach(one, { frameSize: 4096 });
    const b = Nic.attach(two, { frameSize: 256 });
    a.send(frame(macs.nic1, 4096, 1));
    a.send(frame(macs.nic1, 256, 2));
    expect(received(b).map((bytes) => bytes[20])).toEqual([2]);
    expect(b.statistics().received.errors).toBe(1);
  });

  it("are errors of the sender without a link, which comes back", async () => {
    const [a, b] = await attach();
    b.close();
    expect(a.linkUp).toBe(false);
    a.send(frame(macs.nic1, 64, 1));
    a.device.relax();
    expect(a.statistics().sent).toEqual({ frames: 0, bytes: 0n, errors: 1 });
    const again = Nic.attach(b.device);
    expect(a.linkUp).toBe(true);
    a.send(frame(macs.nic1, 64, 2));
    expect(received(again)).toHaveLength(1);
  });

  it("are lost where the receiver was pulled out, whose memory nobody writes to any more", async () => {
    const [nic0, nic1] = nicPair();
    const backend = emulated({ nic0, nic1 });
    devices = [await openDevice("nic0", { backend }), await openDevice("nic1", { backend })];
    const [a, b] = devices.map((device) => Nic.attach(device)) as [Nic, Nic];
    backend.function("nic1").unplug();
    const memory = () => Buffer.concat(b.device.dma.buffers().map(({ bytes }) => bytes));
    const before = memory();
    for (let i = 0; i < 300; i++) {
      a.send(frame(macs.nic1, 64, i));
      a.device.relax();
    }
    expect(memory().equals(before)).toBe(true);
  });

  it("are refused before they are sent where they are no frames", async () => {
    const [a] = await attach();
    expect([13, 2049].map((length) => codeOf(() => a.send(new Uint8Array(length))))).toEqual([
      "ERR_OUT_OF_RANGE",
      "ERR_OUT_OF_RANGE",
    ]);
  });
});

describe("attaching and closing", () => {
  it("refuses what makes no sense, and leaves nothing behind", async () => {
    const [device] = await open();
    for (const options of [{ ringSize: 3 }, { ringSize: 8192 }, { frameSize: 10_000 }, { frameSize: 10 }]) {
      expect(codeOf(() => Nic.attach(device, options))).toMatch(/^ERR_(INVALID_ARGUMENT|OUT_OF_RANGE)$/);
    }
    expect(device.dma.buffers()).toEqual([]);
    expect(device.config.command.busMaster).toBe(false);
  });

  it("closes twice, and after its device, and throws when it is used later", async () => {
    const [a, b] = await attach();
    a.close();
    a.close();
    expect(codeOf(() => a.send(frame(macs.nic1, 60, 0)))).toBe("ERR_CLOSED");
    expect(a.device.dma.buffers()).toEqual([]);
    await b.device.close();
    b.close();
    expect(codeOf(() => b.poll(() => undefined))).toBe("ERR_CLOSED");
  });

  it("gives everything back when it is closed, be the device unplugged or its registers out of reach", async () => {
    const backend = emulated({ nic0: nicPair()[0], nic1: nicPair()[1] });
    devices = [await openDevice("nic0", { backend }), await openDevice("nic1", { backend })];
    const [unplugged, silent] = devices.map((device) => Nic.attach(device, { interrupts: true })) as [
      Nic,
      Nic,
    ];
    backend.function("nic0").unplug();
    unplugged.close();
    silent.device.config.command.update({ memory: false });
    expect(codeOf(() => silent.close())).toBe("ERR_MEMORY_DISABLED");
    for (const device of devices) expect(device.dma.buffers()).toEqual([]);
    silent.close();
  });
});

it("refuses listeners that are none when they come, and what is no device", async () => {
  const [a, b] = nicPair();
  await using device = await openDevice("nic0", { backend: emulated({ nic0: a, nic1: b }) });
  using nic = Nic.attach(device, { interrupts: true });
  for (const what of [undefined, null, 5, {}] as never[]) {
    expect(codeOf(() => nic.onFrame(what))).toBe("ERR_INVALID_ARGUMENT");
    expect(codeOf(() => nic.onLink(what))).toBe("ERR_INVALID_ARGUMENT");
    expect(codeOf(() => nic.poll(what))).toBe("ERR_INVALID_ARGUMENT");
    expect(codeOf(() => Nic.attach(what))).toBe("ERR_INVALID_ARGUMENT");
  }
  expect(codeOf(() => Nic.attach(device, null as never))).toBe("ERR_INVALID_ARGUMENT");
});

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000; turn++) {
    if (condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("it does not come true");
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isPciError(error)) return error.code;
    throw error;
  }
  return "nothing thrown";
}
