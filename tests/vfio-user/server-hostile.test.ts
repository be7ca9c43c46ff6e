import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { MemfdSource } from "@userpci/vfio-native/socket";
import { commands, encodeRequest, encodeVersion, writeHeader } from "@userpci/vfio-user/protocol";
import { type Server, type ServerEvent, serve } from "@userpci/vfio-user/server";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { peer } from "./benchmarks.ts";
import { SocketFolder } from "./c-programs.ts";
import { RawClient, until } from "./raw-client.ts";

const EINVAL = 22;
const PAGE = 4096;
const SCRATCH = { region: 0, offset: 4n, count: 4 } as const;

const folder = new SocketFolder();
let server: Server;
const events: ServerEvent[] = [];
beforeAll(async () => {
  server = await serve(peer(), {
    path: folder.socket(),
    clients: "many",
    limits: { sessions: 8, dmaMaps: 4, dmaMs: 2000 },
    onEvent: (event) => events.push(event),
  });
  (await RawClient.open(server.path))[Symbol.dispose]();
  await until(() => server.clients === 0);
});
afterAll(async () => {
  await server.close();
  folder[Symbol.dispose]();
});

const descriptors = (): number => readdirSync("/proc/self/fd").length;
const faults = (): readonly ServerEvent[] => events.filter(({ type }) => type === "fault");

/** A header with whatever is in it, and a body. */
function message(id: number, command: number, flags: number, size: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + body.length);
  writeHeader(bytes, id, command, size, flags);
  bytes.set(body, 16);
  return bytes;
}

describe("a client that breaks the protocol", () => {
  it.each([
    ["a size below the header's", (): Uint8Array => message(1, 4, 0, 15, new Uint8Array())],
    ["a size above the most", (): Uint8Array => message(1, 4, 0, 2 ** 30, new Uint8Array())],
    ["a type that there is not", (): Uint8Array => message(1, 4, 2, 16, new Uint8Array())],
    ["an answer that nobody waits for", (): Uint8Array => message(1, 11, 1, 32, new Uint8Array(16))],
    ["an answer to a command of its own", (): Uint8Array => message(1, 9, 1, 16, new Uint8Array())],
  ])("by %s, is parted with", async (_what, bytes) => {
    using client = await RawClient.open(server.path);
    client.send(bytes());
    expect(await client.next()).toBeUndefined();
    await until(() => server.clients === 0);
  });

  it("by no VERSION at first, or one of another major version, is refused and parted with", async () => {
    for (const request of [
      encodeRequest("deviceReset", 1, {}),
      encodeRequest("version", 1, { major: 1, minor: 0 }, encodeVersion({}).subarray(4)),
      encodeRequest("version", 1, { major: 0, minor: 0 }, Buffer.from('{"capabilities":{}}')),
    ]) {
      using client = new RawClient(server.path);
      client.send(request);
      expect((await client.next())?.header).toMatchObject({ id: 1, error: true, errno: EINVAL });
      expect(await client.next()).toBeUndefined();
    }
  });

  it("by descriptors where none belong, or of the wrong kind, leaves none of them open", async () => {
    using client = await RawClient.open(server.path);
    using memory = new MemfdSource().alloc(PAGE);
    const { fd } = memory.file!;
    const before = descriptors();
    const irqs = { argsz: 20, flags: 4 | 32, index: 2, start: 0, count: 1 };
    expect((await client.call("deviceReset", {}, undefined, [fd, fd])).errno).toBeLessThanOrEqual(EINVAL);
    expect((await client.call("setIrqs", irqs, undefined, [fd])).errno).toBe(EINVAL);
    expect((await client.call("setIrqs", { ...irqs, count: 2 }, undefined, [fd])).errno).toBe(EINVAL);
    const map = { argsz: 32, flags: 3, offset: 0n, address: 0n, size: 4096n };
    expect((await client.call("dmaMap", map, undefined, [fd, fd])).errno).toBe(EINVAL);
    // A file that is shorter, and what is no file.
    expect((await client.call("dmaMap", { ...map, size: 8192n }, undefined, [fd])).errno).toBe(EINVAL);
    expect((await client.call("dmaMap", { ...map, offset: 2n ** 63n }, undefined, [fd])).errno).toBe(EINVAL);
    expect((await client.call("dmaMap", map, undefined, [client.socket.fd])).errno).toBe(EINVAL);
    expect(descriptors()).toBe(before);
  });

  it("by more maps than it may have, is refused those", async () => {
    using client = await RawClient.open(server.path);
    const map = (n: number) =>
      client.call("dmaMap", { argsz: 32, flags: 3, offset: 0n, address: BigInt(n * PAGE), size: 4096n });
    for (let n = 0; n < 4; n++) expect((await map(n)).errno).toBe(0);
    expect((await map(4)).errno).toBeGreaterThan(0);
    expect((await map(3)).errno).toBe(0);
  });

  it("by not answering, or answering too little, gets no more than a fault of its own device", async () => {
    using client = await RawClient.open(server.path);
    const ask = async (): Promise<number> => {
      await client.call("regionWrite", { region: 0, offset: 0x2cn, count: 4 }, Uint8Array.of(1, 0, 0, 0));
      const asked = await client.next();
      expect(asked?.header).toMatchObject({ command: commands.dmaRead.number, reply: false });
      return asked!.header.id;
    };
    await client.call("regionWrite", { region: 7, offset: 4n, count: 2 }, Uint8Array.of(6, 0));
    await client.call("dmaMap", { argsz: 32, flags: 3, offset: 0n, address: 0n, size: 4096n });
    await client.call("regionWrite", { region: 0, offset: 0x28n, count: 4 }, Uint8Array.of(16, 0, 0, 0));
    const late = await ask();
    // To address 0, of 16 bytes.
    const answer = new Uint8Array(32);
    answer[8] = 16;
    const status = async (): Promise<number> =>
      (await client.call("regionRead", { region: 0, offset: 0x30n, count: 4 })).body[16]!;
    expect(await status()).toBe(1);
    await expect.poll(status).toBe(2);
    // It comes after all, and is none of anybody's.
    client.send(message(late, commands.dmaRead.number, 1, 48, answer));
    expect(await status()).toBe(2);
    const short = await ask();
    client.send(message(short, commands.dmaRead.number, 1, 32, new Uint8Array(16)));
    expect(await client.next()).toBeUndefined();
  });
});

describe("a client that does not read", () => {
  it("is not read further, and loses nothing when it does", async () => {
    using client = await RawClient.open(server.path);
    using other = await RawClient.open(server.path);
    const request = encodeRequest("regionRead", 7, { region: 2, offset: 0n, count: 16_384 });
    let asked = 0;
    // Until the server takes no more: both sockets are full then, and it holds a few answers.
    for (let idle = 0; idle < 20; ) {
      const sent = client.send(request);
      if (sent === request.length) asked++;
      else if (sent === 0) idle++;
      else throw new Error(`${sent} bytes of a message went out`);
      if (sent === 0) await sleep(1);
    }
    expect(asked).toBeGreaterThan(10);
    expect((await other.call("regionRead", SCRATCH)).errno).toBe(0);
    for (let n = 0; n < asked; n++) expect((await client.next())?.body).toHaveLength(16 + 16_384);
    expect((await client.call("regionRead", SCRATCH)).errno).toBe(0);
  });
});

describe("a client that sends anything", () => {
  const sane = fc.record({
    id: fc.nat(0xffff),
    command: fc.oneof(fc.nat(20), fc.nat(0xffff)),
    flags: fc.oneof(fc.constantFrom(0, 0, 0, 0x10), fc.nat(0xff)),
    body: fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      // Small numbers, which mean something more often.
      fc
        .array(fc.oneof(fc.nat(64), fc.constantFrom(0x1000, 0x10000, 0x20000, 0x40000, 0xffff_ffff)), {
          maxLength: 16,
        })
        .map((words) => new Uint8Array(Uint32Array.from(words).buffer)),
    ),
    lie: fc.oneof(
      { weight: 9, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.integer({ min: -20, max: 100 }) },
    ),
  });

  it("at whatever byte it ends, does harm to itself alone", async () => {
    await until(() => server.clients === 0);
    const before = descriptors();
    await fc.assert(
      fc.asyncProperty(fc.array(sane, { maxLength: 12 }), fc.nat(60), async (messages, cut) => {
        using client = await RawClient.open(server.path);
        const parts = messages.map(({ id, command, flags, body, lie }) =>
          message(id, command, flags, Math.max(0, 16 + body.length + lie), body),
        );
        const bytes = Buffer.concat(parts);
        const sent = bytes.subarray(0, Math.max(0, bytes.length - cut));
        if (sent.length > 0) client.send(sent);
        if (cut % 2 === 0) await sleep(1);
      }),
      { numRuns: 150 },
    );
    await until(() => server.clients === 0);
    expect(descriptors()).toBe(before);
    expect(faults()).toEqual([]);
    using client = await RawClient.open(server.path);
    expect((await client.call("regionRead", SCRATCH)).errno).toBe(0);
  });
});
