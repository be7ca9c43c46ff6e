import { constants } from "node:os";
import { setImmediate as turn } from "node:timers/promises";
import { type Backend, type BackendDevice, isPciError } from "@userpci/interface";
import { describe, expect, test } from "vitest";
import { encodeRequest } from "../protocol/index.ts";
import { vfioUser } from "./index.ts";
import { type Scripted, withScript, withServer } from "./testing/scripted.ts";

const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "none";
  } catch (error) {
    return isPciError(error) ? error.code : String(error);
  }
};
const errorOf = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};
/** Opens a device, at a server that may be slow on a busy machine where the client has little patience. */
async function opened(backend: Backend, path: string): Promise<BackendDevice> {
  for (let attempt = 1; attempt < 10; attempt++) {
    try {
      return await backend.open(path);
    } catch (error) {
      if (!isPciError(error, "ERR_TIMEOUT")) throw error;
    }
  }
  return backend.open(path);
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Memory that no other process could map: a device reaches it by messages. */
const plainMemory = (size: number) => ({
  size,
  pageSize: 4096,
  buffer: new ArrayBuffer(size),
  closed: false,
  close: () => undefined,
  [Symbol.dispose]: () => undefined,
});

describe("opening", () => {
  test("says what it can, and asks for what there is", async () => {
    const { messages, leaked } = await withServer({}, async (path) => {
      await using backend = vfioUser(path);
      await using device = await backend.open(path);
      expect(device.info).toEqual({ regions: 9, irqs: 5, resettable: true });
      expect(device.regionInfo(0)).toMatchObject({
        size: 4096,
        readable: true,
        writable: true,
        mappable: [],
      });
      expect(device.irqInfo("msix")).toMatchObject({ count: 8, maskable: false, resizable: false });
      expect(device.address).toBe(path);
    });
    expect(leaked).toBe(0);
    const [version, info] = messages;
    expect(version!.body.slice(0, 8)).toBe("00000200");
    const said = Buffer.from(version!.body.slice(8), "hex").toString();
    expect(JSON.parse(said.slice(0, -1))).toEqual({
      capabilities: {
        max_msg_fds: 16,
        max_data_xfer_size: 2 ** 20,
        max_dma_maps: 65_535,
        pgsizes: 4096,
        write_multiple: true,
        migration: { pgsize: 4096, max_bitmap_size: 2 ** 28 },
      },
    });
    expect(info).toMatchObject({ name: "deviceGetInfo", body: "10000000000000000000000000000000" });
  });

  test("nobody there is ERR_NO_DEVICE, and another address too", async () => {
    await using backend = vfioUser({ edu: "/nonexistent/edu.sock" });
    await expect(backend.open("edu")).rejects.toMatchObject({ code: "ERR_NO_DEVICE", hint: /userpci serve/ });
    expect(codeOf(() => backend.openSync("nvme"))).toBe("ERR_NO_DEVICE");
  });

  test("a server that does not answer holds up nobody but who opens", async () => {
    const { leaked } = await withServer({ answers: { version: [{ silent: true }] } }, async (path) => {
      await using backend = vfioUser(path, { timeoutMs: 1000 });
      let turns = 0;
      const timer = setInterval(() => turns++, 10);
      const late = { code: "ERR_TIMEOUT", hint: expect.stringContaining("another client") };
      await expect(backend.open(path)).rejects.toMatchObject(late);
      clearInterval(timer);
      expect(turns).toBeGreaterThan(5);
    });
    expect(leaked).toBe(0);
  });

  test("a server that has as many clients as it takes is ERR_DEVICE_BUSY, with what lets one more in", async () => {
    const busy = { answers: { version: [{ errno: constants.errno.EBUSY }] } };
    const { leaked } = await withServer(busy, async (path) => {
      await using backend = vfioUser(path);
      await expect(backend.open(path)).rejects.toMatchObject({
        code: "ERR_DEVICE_BUSY",
        message: `${path} has as many clients as it takes`,
        hint: expect.stringMatching(/--clients many, and limits\.sessions/),
      });
    });
    expect(leaked).toBe(0);
  });

  test("a server on this thread is ERR_SAME_THREAD at once", async () => {
    const served = Symbol.for("@userpci/vfio-user/served");
    const registry = globalThis as { [served]?: Set<string> };
    const former = registry[served];
    registry[served] = new Set(["/run/edu.sock"]);
    try {
      await using backend = vfioUser();
      expect(codeOf(() => backend.openSync("/run/../run/edu.sock"))).toBe("ERR_SAME_THREAD");
    } finally {
      if (former === undefined) delete registry[served];
      else registry[served] = former;
    }
  });
});

describe("registers", () => {
  test("each access is one message of its width", async () => {
    const { messages } = await withScript({}, (device) => {
      const bar = device.region(0);
      bar.write32(0x10, 0xdead_beef);
      bar.write16(0x14, 0x1_2345);
      bar.write8(0x16, 0xff);
      expect([bar.read32(0x10), bar.read16(0x14), bar.read8(0x16)]).toEqual([0xdead_beef, 0x2345, 0xff]);
    });
    expect(messages.slice(0, 6).map(({ name, body }) => `${name} ${body}`)).toEqual([
      "regionWrite 10000000000000000000000004000000efbeadde",
      "regionWrite 140000000000000000000000020000004523",
      "regionWrite 16000000000000000000000001000000ff",
      "regionRead 10000000000000000000000004000000",
      "regionRead 14000000000000000000000002000000",
      "regionRead 16000000000000000000000001000000",
    ]);
  });

  test("a ROM is read in messages as large as the server gives", async () => {
    const regions = {
      6: { size: 4096, init: { 0: 0xaa55, 2000: 0x11 } },
      7: { size: 256, init: { 4: 6, 8: 0x00ff_0000 } },
    };
    const capabilities = { maxMsgFds: 8, maxDataXferSize: 1024 };
    const { messages } = await withScript({ regions, capabilities }, (device) => {
      const bytes = new Uint8Array(2001);
      device.region(6).readInto!(0, bytes);
      expect([bytes[0], bytes[1], bytes[2000]]).toEqual([0x55, 0xaa, 0x11]);
    });
    expect(messages.slice(0, 2).map(({ name, body }) => `${name} ${body}`)).toEqual([
      "regionRead 00000000000000000600000000040000",
      "regionRead 000400000000000006000000d1030000",
    ]);
  });

  test("writes to BARs are posted if that is wanted, and those to configuration space never", async () => {
    const { messages } = await withScript({ options: { postedWrites: "unmapped" } }, (device) => {
      device.region(0).write32(0, 1);
      device.region(7).write16(4, 6);
      expect(device.region(0).read32(0)).toBe(1);
    });
    expect(messages.slice(0, 3).map(({ name, noReply }) => [name, noReply])).toEqual([
      ["regionWrite", true],
      ["regionWrite", false],
      ["regionRead", false],
    ]);
  });

  test("what a server refuses, it may say why", async () => {
    await withScript({ answers: { regionRead: [null, null, null, { errno: 1 }] } }, (device) => {
      const bar = device.region(0);
      const errors = Array.from({ length: 4 }, () => errorOf(() => bar.read32(0))).filter((each) =>
        isPciError(each),
      );
      expect(errors).toMatchObject([{ code: "EPERM", hint: "the server's own log may say why" }]);
    });
  });

  test("a device that does not decode memory is told apart from one that is gone", async () => {
    const answers = { regionRead: [{ errno: 5 }] };
    const regions = { 0: { size: 4096 }, 7: { size: 256, init: { 4: 0, 8: 0x00ff_0000 } } };
    await withScript(
      { answers: { regionRead: [null, null, null, ...answers.regionRead] }, regions },
      (device) => {
        const bar = device.region(0);
        const codes = Array.from({ length: 4 }, () => codeOf(() => bar.read32(0)));
        expect(codes).toContain("ERR_MEMORY_DISABLED");
        expect(codes.filter((code) => code !== "none")).toEqual(["ERR_MEMORY_DISABLED"]);
      },
    );
  });
});

describe("memory", () => {
  test("with a descriptor is shared, and without one is served while a register is read", async () => {
    const ask = [
      encodeRequest("dmaWrite", 0x700, { address: 0x1_0000_0010n, count: 4n }, Uint8Array.of(1, 2, 3, 4)),
      encodeRequest("dmaRead", 0x701, { address: 0x1_0000_0010n, count: 4n }),
      encodeRequest("dmaRead", 0x702, { address: 0x1_0000_0ffen, count: 4n }),
      encodeRequest("regionRead", 0x703, { offset: 0n, region: 0, count: 4 }),
    ].map(hexOf);
    const script = { answers: { regionWrite: [{ before: ask }] } };
    const memory = plainMemory(4096);
    const { messages } = await withScript(script, async (device) => {
      using shared = device.memory.alloc(8192);
      const first = device.domain.mapSync(shared, { iova: 0x20_0000n as never, direction: "to-device" });
      const second = device.domain.mapSync(memory as never, { iova: 0x1_0000_0000n as never });
      device.region(0).write32(0, 1);
      expect([...new Uint8Array(memory.buffer, 0x10, 4)]).toEqual([1, 2, 3, 4]);
      second.unmapSync();
      first.unmapSync();
    });
    const words = messages.map(({ name, reply, body, fds, errno }) =>
      [name, reply ? "reply" : "request", body, fds, errno].join(" "),
    );
    // argsz, flags (1 read, 2 write), offset, address, size
    expect(words[0]).toBe(
      `dmaMap request 2000000001000000${"0".repeat(16)}00002000000000000020000000000000 1 0`,
    );
    expect(words[1]).toBe(
      `dmaMap request 2000000003000000${"0".repeat(16)}00000000010000000010000000000000 0 0`,
    );
    expect(words.slice(3, 7)).toEqual([
      "dmaWrite reply 10000000010000000400000000000000 0 0",
      "dmaRead reply 1000000001000000040000000000000001020304 0 0",
      "dmaRead reply  0 14",
      "regionRead reply  0 22",
    ]);
  });

  test("goes by messages to a server that takes no descriptors", async () => {
    const { messages } = await withScript({ capabilities: { maxMsgFds: 0 } }, (device) => {
      using shared = device.memory.alloc(4096);
      device.domain.mapSync(shared).unmapSync();
    });
    expect(messages.filter(({ name }) => name === "dmaMap").map(({ fds }) => fds)).toEqual([0]);
  });

  test("is served when nobody calls, too", async () => {
    const memory = plainMemory(4096);
    const write = encodeRequest("dmaWrite", 9, { address: 0n, count: 2n }, Uint8Array.of(7, 8));
    await withScript({ answers: { regionWrite: [{ ask: [hexOf(write)] }] } }, async (device) => {
      using mapping = device.domain.mapSync(memory as never, { iova: 0n as never });
      device.region(0).write32(0, 1);
      for (let i = 0; i < 2000 && new Uint8Array(memory.buffer)[1] === 0; i++) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expect([...new Uint8Array(memory.buffer, 0, 2)]).toEqual([7, 8]);
      mapping.unmapSync();
    });
  });

  test("of a region is mapped by the server's descriptor, and joined with messages elsewhere", async () => {
    const regions = {
      0: { size: 0x3000, areas: [{ offset: 0x1000, size: 0x1000 }], init: { 8: 77 } },
      7: { size: 256, init: { 4: 6, 8: 0x00ff_0000 } },
    };
    const { leaked } = await withScript({ regions }, (device) => {
      expect(device.regionInfo(0).mappable).toEqual([{ offset: 0x1000, size: 0x1000 }]);
      using bar = device.mapRegion(0);
      bar.write32(0x1004, 5);
      expect([bar.read32(0x1004), bar.read32(8), bar.read64(0x1000)]).toEqual([5, 77, 5n << 32n]);
    });
    expect(leaked).toBe(0);
  });
});

describe("interrupts", () => {
  test("go out in messages of as many descriptors as the server takes, all connected or all not", async () => {
    const { messages, leaked } = await withScript({ capabilities: { maxMsgFds: 3 } }, (device) => {
      const targets = Array.from({ length: 7 }, (_, i) =>
        i === 4 || i === 5 ? null : device.createIrqTarget(),
      );
      device.setIrqs("msix", 0, targets);
      device.triggerIrqs("msix", 1, 2);
      device.disableIrqs("msix");
      for (const target of targets) target?.close();
    });
    const sets = messages.filter(({ name }) => name === "setIrqs");
    //                                     flags    index    start    count
    expect(sets.map(({ body, fds }) => `${body.slice(8)} ${fds}`)).toEqual([
      "24000000020000000000000003000000 3",
      "24000000020000000300000001000000 1",
      "24000000020000000400000002000000 0",
      "24000000020000000600000001000000 1",
      "21000000020000000100000002000000 0",
      "21000000020000000000000000000000 0",
    ]);
    expect(leaked).toBe(0);
  });

  test("that have no target need none to be taken away, which not every server can", async () => {
    const refused = { errno: 22 };
    // The second message of each set; the last one takes a target away.
    const answers = { setIrqs: [null, refused, null, null, refused] };
    await withScript({ answers }, (device) => {
      const targets = Array.from({ length: 2 }, () => device.createIrqTarget());
      const [first, second] = targets as [(typeof targets)[0], (typeof targets)[0]];
      expect(codeOf(() => device.setIrqs("msix", 0, [first, null, second]))).toBe("none");
      expect(codeOf(() => device.setIrqs("msix", 0, [second, second, null]))).not.toBe("none");
      for (const target of targets) target.close();
    });
  });

  test("that are refused half way are taken back", async () => {
    const { messages } = await withScript(
      { capabilities: { maxMsgFds: 2 }, answers: { setIrqs: [null, { errno: 28 }] } },
      (device) => {
        const targets = Array.from({ length: 4 }, () => device.createIrqTarget());
        expect(codeOf(() => device.setIrqs("msix", 0, targets))).not.toBe("none");
        for (const target of targets) target.close();
      },
    );
    expect(
      messages
        .filter(({ name }) => name === "setIrqs")
        .at(-1)!
        .body.slice(8),
    ).toBe("21000000020000000000000000000000");
  });
});

test("closing silences the device in order, then resets it", async () => {
  const { messages } = await withScript({}, (device) => {
    device.region(7).write16(4, 6);
    device.setIrqs("msix", 0, [device.createIrqTarget()]);
    device.domain.mapSync(device.memory.alloc(4096));
  });
  // No vectors, data NONE; the command register is read, and written without bus mastering (bit 2).
  expect(messages.slice(-4).map(({ name, body }) => `${name} ${body}`)).toEqual([
    "setIrqs 1400000021000000020000000000000000000000",
    "regionRead 04000000000000000700000002000000",
    "regionWrite 040000000000000007000000020000000200",
    "deviceReset ",
  ]);
});

describe("a server that breaks off", () => {
  const cases: readonly (readonly [string, Scripted, string])[] = [
    ["says nothing", { silent: true }, "ERR_TIMEOUT"],
    ["closes the connection", { close: true }, "ERR_DEVICE_GONE"],
    [
      "answers another request",
      { hex: "ffff 0900 24000000 01000000 00000000 00000000000000000000000004000000 00000000" },
      "ERR_PROTOCOL",
    ],
    ["sends a size that no message has", { hex: "0100 0900 01000000 01000000 00000000" }, "ERR_PROTOCOL"],
    ["sends a size that is too much", { hex: "0100 0900 ffffffff 01000000 00000000" }, "ERR_PROTOCOL"],
    ["sends a type that no message has", { hex: "0100 0900 10000000 05000000 00000000" }, "ERR_PROTOCOL"],
    ["sends half a message", { hex: "0100 0900 24000000 01000000" }, "ERR_TIMEOUT"],
    [
      "asks for what is too short to be asked",
      { hex: "0100 0b00 18000000 00000000 00000000 0000000000000000" },
      "ERR_PROTOCOL",
    ],
  ];

  test.each(cases)("one that %s", async (_what, scripted, code) => {
    const answers = { regionWrite: [scripted] };
    const { leaked } = await withScript({ answers, options: { timeoutMs: 1000 } }, async (device) => {
      const memory = device.memory.alloc(4096);
      device.domain.mapSync(memory);
      const bar = device.region(0);
      const begun = performance.now();
      expect(codeOf(() => bar.write32(0, 1))).toBe(code);
      expect(performance.now() - begun).toBeLessThan(5000);
      expect(codeOf(() => bar.write32(0, 1))).toBe("ERR_DEVICE_GONE");
      expect(codeOf(() => bar.read32(0))).toBe("ERR_DEVICE_GONE");
      await expect(device.reset()).rejects.toMatchObject({ code: "ERR_DEVICE_GONE" });
      await device.close();
      memory.close();
      expect(codeOf(() => bar.read32(0))).toBe("ERR_CLOSED");
    });
    expect(leaked).toBe(0);
  });

  test("whatever one sends, calls throw nothing but PciErrors, in time", async () => {
    // A plain answer to a write, of which bytes are changed, cut off or added; the same at every run.
    const plain = Buffer.from(
      "0000 0a00 20000000 01000000 00000000 00000000000000000000000004000000".replaceAll(" ", ""),
      "hex",
    );
    let seed = 1;
    const random = (most: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % most;
    };
    const mangled = Array.from({ length: 60 }, () => {
      const bytes = Buffer.concat([plain, Buffer.alloc(40)]);
      for (let n = random(4); n >= 0; n--) bytes[random(bytes.length)] = random(256);
      return { hex: bytes.subarray(0, random(bytes.length + 1)).toString("hex") };
    });
    const { leaked } = await withServer({ answers: { regionWrite: mangled } }, async (path) => {
      await using backend = vfioUser(path, { timeoutMs: 200 });
      for (const _each of mangled) {
        await using device = await opened(backend, path);
        const begun = performance.now();
        const code = codeOf(() => device.region(0).write32(0, 1));
        expect(code).toMatch(/^(none|E[A-Z_]+)$/);
        expect(performance.now() - begun).toBeLessThan(5000);
      }
    });
    expect(leaked).toBe(0);
  });

  test("one that breaks off while a reset is awaited ends that", async () => {
    const answers = { deviceReset: [{ silent: true }] };
    await withScript({ answers, options: { timeoutMs: 1000 } }, async (device) => {
      await expect(device.reset()).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    });
    await withScript({ answers: { deviceReset: [{ close: true }] } }, async (device) => {
      await expect(device.reset()).rejects.toMatchObject({ code: "ERR_DEVICE_GONE" });
    });
  });

  test("an answer that came in time is taken, though the thread was held up until it was late", async () => {
    const read = encodeRequest("dmaRead", 0x700, { address: 0n, count: 4n });
    // The server's own requests come before it.
    const answers = { deviceReset: [{ first: [read, read, read].map(hexOf) }] };
    await withScript({ answers, options: { timeoutMs: 1000 } }, async (device) => {
      // In the turn that follows, timers are called first.
      await turn();
      const reset = device.reset();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
      await reset;
      expect(device.region(0).read32(0)).toBe(0);
    });
  });

  test.each(["version", "deviceGetInfo", "regionGetInfo", "irqGetInfo"])(
    "one that refuses, leaves or is silent at %s opens nothing and leaks nothing",
    async (name) => {
      // One after the other: each open meets the next.
      const scripted = [{ errno: 22 }, { close: true }, { silent: true }, { hex: "00".repeat(64) }];
      const { leaked } = await withServer({ answers: { [name]: scripted } }, async (path) => {
        await using backend = vfioUser(path, { timeoutMs: 40 });
        for (const _each of scripted) {
          const device = await backend.open(path).catch((error: unknown) => error);
          // Interrupts are asked for later, and a region that is refused is not there.
          if (!isPciError(device)) await (device as AsyncDisposable)[Symbol.asyncDispose]();
        }
      });
      expect(leaked).toBe(0);
    },
  );
});
