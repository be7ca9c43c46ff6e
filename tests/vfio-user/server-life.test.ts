import { readdirSync, readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { type DeviceModel, hostFunction } from "@userpci/device-model";
import type { DmaMemory } from "@userpci/interface";
import { closeReceived, MemfdSource, mapReceived } from "@userpci/vfio-native/socket";
import { decodeRegionInfo, encodeRequest, encodeVersion } from "@userpci/vfio-user/protocol";
import {
  ServedDma,
  type ServeOptions,
  type Server,
  type ServerEvent,
  serve,
} from "@userpci/vfio-user/server";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { peer } from "./benchmarks.ts";
import { CClient } from "./c-client.ts";
import { noPrograms, SocketFolder } from "./c-programs.ts";
import { RawClient, until } from "./raw-client.ts";
import { command, Player } from "./scenario.ts";

const folder = new SocketFolder();
afterAll(() => folder[Symbol.dispose]());

const SCRATCH = { region: 0, offset: 4n, count: 4 } as const;
const PAGE = 4096;
const READ_WRITE = 3;

/** A device that is memory, which clients may map. */
const shared: DeviceModel = {
  name: "shared",
  config: { vendorId: 0x1af4, deviceId: 0x10f0 },
  bars: { 0: { kind: "memory32", size: PAGE, memory: [{ offset: 0, size: PAGE, mappable: true }] } },
  create: (device) => {
    const bytes = device.memory(0);
    return { reset: () => void bytes.fill(7) };
  },
};

let server: Server | undefined;
const events: ServerEvent[] = [];
afterEach(async () => {
  await server?.close();
  server = undefined;
  events.length = 0;
});

async function start(options: Partial<ServeOptions> = {}): Promise<Server> {
  server = await serve(peer(), { path: folder.socket(), onEvent: (event) => events.push(event), ...options });
  return server;
}

const descriptors = (): number => readdirSync("/proc/self/fd").length;
const mappings = (): number => readFileSync("/proc/self/maps", "latin1").match(/memfd:/g)?.length ?? 0;
const left = (): boolean => events.some(({ type }) => type === "left");

async function scratch(client: RawClient): Promise<number> {
  const { body } = await client.call("regionRead", SCRATCH);
  return new DataView(body.buffer, body.byteOffset).getUint32(16, true);
}

describe("a client that leaves", () => {
  it("leaves a device that is reset, and nothing of its own, to the next", async () => {
    const { path } = await start();
    const source = new MemfdSource();
    using memory = source.alloc(2 * PAGE);
    const visit = async (): Promise<void> => {
      using client = await RawClient.open(path);
      await client.call("regionWrite", SCRATCH, Uint8Array.of(1, 2, 3, 4));
      expect(await scratch(client)).toBe(0x04030201);
      const { fd } = memory.file!;
      const before = mappings();
      for (const [address, offset] of [
        [0x1_0000n, 0n],
        [0x8000n, 4096n],
      ] as const) {
        const map = { argsz: 32, flags: READ_WRITE, offset, address, size: 4096n };
        expect((await client.call("dmaMap", map, undefined, [fd])).errno).toBe(0);
      }
      expect(mappings()).toBeGreaterThan(before);
    };
    // What is opened once, at the first use, is not counted.
    await visit();
    await until(left);
    events.length = 0;
    const before = [descriptors(), mappings()];
    await visit();
    await until(left);
    expect([descriptors(), mappings()]).toEqual(before);
    using next = await RawClient.open(path);
    expect(await scratch(next)).toBe(0);
  });

  it("keeps what it mapped of a BAR, of which the next sees nothing, nor it of the next", async () => {
    server = await serve(shared, { path: folder.socket(), onEvent: (event) => events.push(event) });
    const { path } = server;
    const map = async (client: RawClient): Promise<DmaMemory> => {
      client.ask("regionGetInfo", { argsz: 64, index: 0 });
      const fd = (await client.next())!.fds[0]!;
      const memory = mapReceived(fd, { offset: 0, size: PAGE, readOnly: false });
      closeReceived(fd);
      return memory;
    };
    const former = await RawClient.open(path);
    using kept = await map(former);
    const stale = new Uint8Array(kept.buffer);
    expect(await scratch(former)).toBe(0x07070707);
    former[Symbol.dispose]();
    await until(left);
    using next = await RawClient.open(path);
    expect(await scratch(next)).toBe(0x07070707);
    await next.call("regionWrite", SCRATCH, Uint8Array.of(1, 2, 3, 4));
    expect(stale.subarray(4, 8)).toEqual(Uint8Array.of(7, 7, 7, 7));
    stale.fill(9);
    expect(await scratch(next)).toBe(0x04030201);
    using mapped = await map(next);
    expect(new Uint8Array(mapped.buffer, 4, 4)).toEqual(Uint8Array.of(1, 2, 3, 4));
  });

  it("makes room for one that waits", async () => {
    const { path } = await start();
    const first = await RawClient.open(path);
    const second = RawClient.open(path);
    await scratch(first);
    expect(events.filter(({ type }) => type === "connected")).toHaveLength(1);
    first[Symbol.dispose]();
    using client = await second;
    expect(await scratch(client)).toBe(0);
  });

  it.skipIf(noPrograms)("by kill -9, while its memory is being read, too", async () => {
    const { path } = await start();
    const before = [descriptors(), mappings()];
    const client = new CClient(path);
    const player = new Player(client);
    await player.greet();
    // A map by descriptor, one by message, and a DMA that nobody answers.
    for (const step of [
      { memory: "m", size: PAGE },
      {
        call: "DMA_MAP",
        body: `20000000 03000000 ${"0".repeat(16)} 0000100000000000 0010000000000000`,
        fds: ["m"],
      },
      { call: "DMA_MAP", body: `20000000 03000000 ${"0".repeat(16)} 0000200000000000 0010000000000000` },
      {
        call: "REGION_WRITE",
        body: "0400000000000000 07000000 02000000 0600",
        reply: "0400000000000000 07000000 02000000",
      },
      {
        call: "REGION_WRITE",
        body: "2000000000000000 00000000 08000000 0000200000000000",
        reply: "2000000000000000 00000000 08000000",
      },
      {
        call: "REGION_WRITE",
        body: "2800000000000000 00000000 04000000 00100000",
        reply: "2800000000000000 00000000 04000000",
      },
      {
        call: "REGION_WRITE",
        body: "2c00000000000000 00000000 04000000 01000000",
        reply: "2c00000000000000 00000000 04000000",
      },
    ] as const)
      await player.step(step);
    expect(await client.receive()).toMatchObject({ command: command.DMA_READ });
    expect(mappings()).toBeGreaterThan(before[1]!);
    await client[Symbol.asyncDispose]();
    await until(left);
    expect([descriptors(), mappings()]).toEqual(before);
    using next = await RawClient.open(path);
    expect(await scratch(next)).toBe(0);
  });
});

describe("a server for one client", () => {
  it("offers nothing to map to one that takes no descriptors", async () => {
    server = await serve(shared, { path: folder.socket() });
    using client = await RawClient.open(server.path, { maxMsgFds: 0 });
    client.ask("regionGetInfo", { argsz: 64, index: 0 });
    const { body, fds } = (await client.next())!;
    expect(fds).toEqual([]);
    expect(decodeRegionInfo(body)).toMatchObject({ argsz: 32, size: 4096n, mappable: false, areas: [] });
  });

  it("answers as much of the kernel's structure as it was sent", async () => {
    const { path } = await start();
    using client = await RawClient.open(path);
    const info = async (more: number) =>
      (await client.call("deviceGetInfo", { argsz: 36 }, new Uint8Array(more))).body;
    const plain = await info(0);
    expect(plain).toHaveLength(16);
    expect(await info(4)).toEqual(Uint8Array.of(...plain, 0, 0, 0, 0));
    expect(await info(4096)).toHaveLength(24);
  });

  it("refuses others with EBUSY if it is told to", async () => {
    const { path } = await start({ whenBusy: "refuse" });
    using first = await RawClient.open(path);
    await expect(RawClient.open(path)).rejects.toThrow("does not like");
    expect(await scratch(first)).toBe(0);
  });

  it("gives up one that says nothing, for one that does", async () => {
    const { path } = await start({ limits: { handshakeMs: 20 } });
    using silent = new RawClient(path);
    using client = await RawClient.open(path);
    expect(await scratch(client)).toBe(0);
    expect(await silent.next()).toBeUndefined();
    expect(events).toContainEqual(
      expect.objectContaining({ type: "left", error: expect.objectContaining({ code: "ERR_TIMEOUT" }) }),
    );
  });

  it("opens to one that spoke in time, though its own thread was held up", async () => {
    const { path } = await start({ limits: { handshakeMs: 500 } });
    const connected = () => events.some(({ type }) => type === "connected");
    using client = new RawClient(path);
    await expect.poll(connected).toBe(true);
    // In the turn that follows, timers are called first.
    await turn();
    const version = encodeVersion({ maxMsgFds: 8 });
    client.send(encodeRequest("version", 0, { major: 0, minor: 0 }, version.subarray(4)));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);
    expect((await client.next())?.header).toMatchObject({ reply: true, errno: 0 });
    expect(await scratch(client)).toBe(0);
  });

  it("ends with its clients, and takes its socket away", async () => {
    const { path } = await start();
    using client = await RawClient.open(path);
    await server!.close();
    expect(await client.next()).toBeUndefined();
    expect(() => new RawClient(path)).toThrow(expect.objectContaining({ code: "ERR_NO_DEVICE" }));
  });
});

describe("a server for many clients", () => {
  it("gives each a function of its own, up to its limit", async () => {
    const { path } = await start({ clients: "many", limits: { sessions: 2 }, whenBusy: "refuse" });
    using first = await RawClient.open(path);
    using second = await RawClient.open(path);
    await first.call("regionWrite", SCRATCH, Uint8Array.of(7, 0, 0, 0));
    expect([await scratch(first), await scratch(second)]).toEqual([7, 0]);
    await expect(RawClient.open(path)).rejects.toThrow("does not like");
    second[Symbol.dispose]();
    await until(left);
    await until(() => server!.clients === 1);
    using third = await RawClient.open(path);
    expect(await scratch(third)).toBe(0);
  });
});

describe("a function that is hosted already", () => {
  it("is served to its clients, and stays its owner's", async () => {
    const dma = new ServedDma();
    using fn = hostFunction(peer(), { memory: new MemfdSource(), dma });
    server = await serve(fn, { path: folder.socket(), dma });
    expect(server.function).toBe(fn);
    using client = await RawClient.open(server.path);
    expect(await scratch(client)).toBe(0);
    fn.unplug();
    expect(await scratch(client)).toBe(0xffff_ffff);
    await server.close();
    expect(fn.gone).toBe(true);
  });

  it.skipIf(noPrograms)("survives that its client unmasks the line when it is no more there", async () => {
    const dma = new ServedDma();
    using fn = hostFunction(peer(), { memory: new MemfdSource(), dma });
    server = await serve(fn, { path: folder.socket(), dma });
    await using client = new CClient(server.path);
    const player = new Player(client);
    await player.greet();
    for (const step of [
      { counter: "line" },
      { counter: "both" },
      { call: "DEVICE_SET_IRQS", body: "14000000 24000000 00000000 00000000 01000000", fds: ["line"] },
      // It unmasks the line whenever the device is asked for.
      { call: "DEVICE_SET_IRQS", body: "14000000 14000000 00000000 00000000 01000000", fds: ["both"] },
      { call: "DEVICE_SET_IRQS", body: "14000000 24000000 04000000 00000000 01000000", fds: ["both"] },
    ] as const)
      await player.step(step);
    fn.request();
    fn.unplug();
    // The server takes what is signalled with the next turns.
    for (let turns = 0; turns < 5; turns++) await turn();
    await player.step({ count: "both", is: 0 });
    expect(server.clients).toBe(1);
  });

  it("is refused without what it reaches memory by, and to many", async () => {
    const dma = new ServedDma();
    using fn = hostFunction(peer(), { memory: new MemfdSource(), dma });
    const path = folder.socket();
    const invalid = expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" });
    await expect(serve(fn, { path })).rejects.toEqual(invalid);
    await expect(serve(fn, { path, dma, clients: "many" })).rejects.toEqual(invalid);
    await expect(serve(peer(), { path, clients: "many", mode: "blocking" })).rejects.toEqual(invalid);
    await expect(serve(peer(), { path, limits: { sesions: 1 } as never })).rejects.toEqual(invalid);
    await expect(serve(peer(), { path, limits: null as never })).rejects.toEqual(invalid);
    await expect(serve(peer(), { path, client: "many" } as never)).rejects.toEqual(invalid);
  });
});
