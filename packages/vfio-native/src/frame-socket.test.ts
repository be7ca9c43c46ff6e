import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isPciError } from "@userpci/interface";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FrameListener } from "./frame-listener.ts";
import { FrameSocket, frame } from "./frame-socket.ts";
import { loadNative } from "./native.ts";
import { closeReceived, mapReceived, ReceivedEventfd } from "./received.ts";

const native = loadNative();
const options = { mostBytes: 100_000, mostFds: 4 };

function message(size: number, said = size): Uint8Array {
  const bytes = new Uint8Array(size).map((_, i) => i);
  new DataView(bytes.buffer).setUint32(4, said, true);
  return bytes;
}

const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "none";
  } catch (error) {
    return isPciError(error) ? error.code : String(error);
  }
};

let before = native.ledger();
let left: FrameSocket;
let right: FrameSocket;
beforeEach(() => {
  before = native.ledger();
  [left, right] = FrameSocket.pair(options);
});
afterEach(() => {
  left.close();
  right.close();
  expect(native.ledger()).toEqual(before);
});

describe("a frame socket", () => {
  test("takes one message at a time, however they come", () => {
    const both = Buffer.concat([message(20), message(16)]);
    left.send(both.subarray(0, 7));
    expect(right.receive(0)).toBe(frame.NOTHING_YET);
    left.send(both.subarray(7, 18));
    expect(right.receive(0)).toBe(frame.NOTHING_YET);
    left.send(both.subarray(18));
    expect(right.receive(0)).toBe(20);
    expect(right.bytes.subarray(0, 20)).toEqual(message(20));
    expect(right.receive(0)).toBe(16);
    expect(right.receive(0)).toBe(frame.NOTHING_YET);
  });

  test("gives each message the descriptors that came with it", () => {
    const fds = [native.eventfd(1), native.eventfd(2)];
    left.send(message(40), Int32Array.from(fds));
    left.send(message(16));
    left.send(message(16), Int32Array.of(fds[0]!));
    expect([right.receive(0), right.fdCount]).toEqual([40, 2]);
    const [first, second] = right.take();
    expect([native.counterRead(first!), native.counterRead(second!)]).toEqual([1, 2]);
    expect([right.receive(0), right.fdCount]).toEqual([16, 0]);
    // What nobody takes is closed with the next message, or with the socket.
    expect([right.receive(0), right.fdCount]).toEqual([16, 1]);
    for (const fd of [...fds, first!, second!]) closeReceived(fd);
  });

  test("carries messages longer than what the kernel holds, within its bound", () => {
    const long = message(100_000);
    left.send(long);
    expect(right.receive(1000)).toBe(100_000);
    expect(right.bytes).toEqual(long);
    left.send(message(16));
    expect(right.receive(0)).toBe(16);
    expect(right.bytes.length).toBeLessThan(10_000);
    left.send(message(16, 100_001));
    expect(codeOf(() => right.receive(0))).toBe("ERR_PROTOCOL");
  });

  test("refuses a message whose descriptors cannot be taken at all: it would be another without them", () => {
    const [ours, theirs] = FrameSocket.pair({ ...options, mostFds: 0 });
    ours.send(message(16), Int32Array.of(0));
    expect(codeOf(() => theirs.receive(0))).toBe("ERR_PROTOCOL");
    ours.close();
    theirs.close();
  });

  test("refuses a size below a header's, and more descriptors than it may bring", () => {
    left.send(message(16, 15));
    expect(codeOf(() => right.receive(0))).toBe("ERR_PROTOCOL");
    const fd = native.eventfd(0);
    right.send(message(16), Int32Array.of(fd, fd, fd, fd, fd));
    expect(codeOf(() => left.receive(0))).toBe("ERR_PROTOCOL");
    closeReceived(fd);
  });

  test("tells that the other end has closed, also within a message and when sending", () => {
    left.send(message(20).subarray(0, 18));
    left.close();
    expect(right.receive(0)).toBe(frame.CLOSED);
    expect(right.send(message(16))).toBe(frame.CLOSED);
    right.close();
    expect(codeOf(() => right.receive(0))).toBe("ERR_CLOSED");
  });

  test("waits in the kernel for just as long as was agreed on", () => {
    right.sleepFor(20);
    const begun = performance.now();
    expect(right.sleep()).toBe(frame.NOTHING_YET);
    expect(performance.now() - begun).toBeGreaterThan(10);
    left.send(message(24));
    expect(right.sleep()).toBe(24);
    expect(right.receive(0)).toBe(frame.NOTHING_YET);
    left.send(message(24).subarray(0, 20));
    expect(right.sleep()).toBe(frame.NOTHING_YET);
    left.send(message(24).subarray(20));
    expect(right.sleep()).toBe(24);
  });

  test("sends what there is room for, and tells when there is more", async () => {
    const long = message(100_000);
    let sent = 0;
    for (let n = 1; n > 0; ) {
      n = left.send(long);
      sent += n;
    }
    let room = false;
    const stop = left.onWritable(() => {
      room = true;
      stop();
    });
    let taken = 0;
    while (right.receive(0) > 0) taken += 1;
    expect(taken).toBe(Math.floor(sent / long.length));
    await expect.poll(() => room).toBe(true);
  });

  test("calls back on the event loop, which leaves it as blocking as it was", async () => {
    const path = `@userpci-frame-${process.pid}`;
    using listener = new FrameListener(path, options);
    using client = FrameSocket.connect(path, 50, options);
    const stop = client.onReadable(() => undefined, false);
    using server = listener.accept()!;
    const begun = performance.now();
    expect(client.exchange(message(16), 50)).toBe(frame.NOTHING_YET);
    expect(performance.now() - begun).toBeGreaterThan(40);
    stop();
    expect(server.receive(0)).toBe(16);
    const readable = new Promise<void>((resolve) => {
      client.onReadable(resolve, true);
    });
    server.send(message(24));
    await readable;
    expect(client.receive(0)).toBe(24);
  });
});

describe("connecting", () => {
  test("to nobody is ERR_NO_DEVICE, and leaves nothing", () => {
    expect(codeOf(() => FrameSocket.connect("/nonexistent/socket", 10, options))).toBe("ERR_NO_DEVICE");
    expect(codeOf(() => FrameSocket.connect("x".repeat(108), 10, options))).toBe("ERR_INVALID_ARGUMENT");
  });

  test("to one whose queue is full ends with the time-out", () => {
    const path = `@userpci-full-${process.pid}`;
    using _listener = new FrameListener(path, { ...options, backlog: 0 });
    using _first = FrameSocket.connect(path, 20, options);
    expect(codeOf(() => FrameSocket.connect(path, 20, options))).toBe("ERR_TIMEOUT");
  });

  test("takes the file of a listener away with it", () => {
    const folder = mkdtempSync(join(tmpdir(), "userpci-frame-"));
    const path = join(folder, "socket");
    const listener = new FrameListener(path, options);
    expect(existsSync(path)).toBe(true);
    expect(codeOf(() => new FrameListener(path, options))).toBe("EADDRINUSE");
    expect(existsSync(path)).toBe(true);
    listener.close();
    listener.close();
    expect(existsSync(path)).toBe(false);
    rmSync(folder, { recursive: true });
  });
});

describe("the file of a listener", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "userpci-frame-"));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true });
  });

  test("is there only when somebody listens, so that whoever waits for it may connect", () => {
    const path = join(folder, "socket");
    const { listen } = native;
    const seen: string[][] = [];
    vi.spyOn(native, "listen").mockImplementation((...args) => {
      seen.push(readdirSync(folder));
      return listen(...args);
    });
    using _listener = new FrameListener(path, { ...options, access: "all" });
    expect([seen.length, seen[0]!.includes("socket"), readdirSync(folder)]).toEqual([1, false, ["socket"]]);
    expect(statSync(path).mode & 0o777).toBe(0o666);
    FrameSocket.connect(path, 50, options).close();
  });

  test("does not come where nobody can listen", () => {
    vi.spyOn(native, "listen").mockReturnValue(-12);
    expect(codeOf(() => new FrameListener(join(folder, "socket"), options))).toBe("ENOMEM");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("may have the shortest name and the longest path that there is", () => {
    const longest = join(folder, "x".repeat(107 - folder.length - 1));
    for (const path of [join(folder, "s"), longest]) {
      using _listener = new FrameListener(path, options);
      FrameSocket.connect(path, 50, options).close();
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  test("is refused where a folder is meant", () => {
    expect(codeOf(() => new FrameListener(join(folder, "none/"), options))).toMatch(/^ENO(ENT|TDIR)$/);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("what a message brings", () => {
  test("an eventfd is signalled, and never blocks", () => {
    const fd = native.eventfd(0);
    left.send(message(16), Int32Array.of(fd));
    right.receive(0);
    const sink = new ReceivedEventfd(right.take()[0]!);
    sink.signal();
    sink.signal(2);
    expect(native.counterRead(fd)).toBe(3);
    native.counterAdd(fd, 2 ** 53 - 2);
    sink.close();
    sink.signal();
    closeReceived(fd);
  });

  test("anything else is no interrupt", () => {
    left.send(message(16), Int32Array.of(left.fd));
    right.receive(0);
    expect(codeOf(() => new ReceivedEventfd(right.take()[0]!))).toBe("ERR_INVALID_ARGUMENT");
  });

  test("memory is the peer's own, and reads as ones once the peer has shortened it", () => {
    const path = join(tmpdir(), `userpci-received-${process.pid}`);
    const file = openSync(path, "w+");
    unlinkSync(path);
    ftruncateSync(file, 8192);
    left.send(message(16), Int32Array.of(file));
    right.receive(0);
    const [fd] = right.take();
    expect(codeOf(() => mapReceived(fd!, { offset: 4096, size: 8192, readOnly: false }))).toBe(
      "ERR_OUT_OF_RANGE",
    );
    const memory = mapReceived(fd!, { offset: 4096, size: 4096, readOnly: false });
    const bytes = new Uint8Array(memory.buffer);
    expect(bytes[0]).toBe(0);
    ftruncateSync(file, 4096);
    expect(bytes[0]).toBe(0xff);
    memory.close();
    closeReceived(fd!);
    closeSync(file);
  });
});

test("a listener in a folder that is not there says so", () => {
  const make = () => new FrameListener(join(tmpdir(), "userpci-no-such-folder", "s"), options);
  expect(make).toThrow(
    expect.objectContaining({ code: "ENOENT", hint: expect.stringContaining("make the folder") }),
  );
});

test("what is no socket is told apart from a socket that nobody serves", () => {
  expect(() => FrameSocket.connect(import.meta.filename, 100, options)).toThrow("is no socket");
});
