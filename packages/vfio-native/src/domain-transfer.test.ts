import { once } from "node:events";
import { fstatSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DomainShare, PciError, toIova } from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import { createDomain, MemoryMapper } from "@userpci/iommu";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { adoptDomain } from "./adopt-domain.ts";
import { receiveDomain, sendDomain } from "./domain-transfer.ts";
import { loadNative } from "./native.ts";
import { encodeShare, LONGEST_MESSAGE } from "./share-message.ts";
import { UnixSocket } from "./unix-socket.ts";

// The kernel's container, as far as one gets without VFIO: the null device, which knows none of its requests.
vi.mock("node:fs", async (importOriginal) => {
  const fs = await importOriginal<typeof import("node:fs")>();
  const readFileSync = (...call: Parameters<typeof fs.readFileSync>) =>
    call[0] === "/sys/class/misc/vfio/dev" ? "1:3\n" : fs.readFileSync(...call);
  return { ...fs, default: fs, readFileSync };
});

const native = loadNative();
let folder = "";
let path = "";
let container = -1;
let file = -1;
let before = native.ledger();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "userpci-"));
  path = join(folder, "socket");
  before = native.ledger();
  container = native.open("/dev/null", native.constants.O_RDWR);
  file = native.memfd("no container", 4096, 0, 0);
});
afterEach(() => {
  vi.restoreAllMocks();
  for (const fd of [container, file]) native.close(fd);
  expect(native.ledger()).toEqual(before);
  expect(readdirSync(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
});

/** A share with one descriptor. */
const shareOf = (fd: number): DomainShare => ({
  ranges: [{ start: toIova(0x1000), last: toIova(0x1fff) }],
  pageSize: 4096,
  mappers: [{ kind: "vfio-container", fd }],
});

const quick = { timeoutMs: 2000 };
const anySignal = new AbortController().signal;

/** Plays the other process: one that sends what it likes. */
async function hostile(data: Uint8Array, fds: readonly number[]): Promise<unknown> {
  const listener = UnixSocket.listen(native, path, "owner");
  const received = receiveDomain(path, quick).catch((error: unknown) => error);
  const socket = await listener.accept(anySignal);
  socket.send(data, fds);
  const error = await received;
  expect(await socket.receive(1, 0, anySignal)).toBeUndefined();
  for (const each of [socket, listener]) each.close();
  rmSync(path);
  return error;
}

describe("receiveDomain", () => {
  it("refuses a descriptor that is not what it is said to be", async () => {
    expect(await hostile(encodeShare(shareOf(file)), [file])).toEqual(
      failing("ERR_INVALID_ARGUMENT", /descriptor \d+ is no vfio-container/),
    );
  });

  it("tells the sender when it cannot adopt the domain", async () => {
    const sent = sendDomain(path, shareOf(container), quick).catch((error: unknown) => error);
    await expect(receiveDomain(path, quick)).rejects.toEqual(failing("ENOTTY"));
    expect(await sent).toEqual(failing("ERR_PROTOCOL", new RegExp(`process ${process.pid} .* did not take`)));
  });

  it("keeps no descriptor of a message that is none", async () => {
    const open = readdirSync("/proc/self/fd").length;
    const sound = encodeShare(shareOf(file));
    const cases: [Uint8Array, number[]][] = [
      [Buffer.from("{}"), [file]],
      [sound, []],
      [sound, [file, file]],
      [sound, new Array(17).fill(file)],
      [new Uint8Array(LONGEST_MESSAGE + 1).fill(0x20), [file]],
    ];
    for (const [data, fds] of cases) expect(await hostile(data, fds)).toEqual(failing("ERR_PROTOCOL"));
    expect(readdirSync("/proc/self/fd").length).toBe(open);
  });

  it("says whom to ask when it is turned away", async () => {
    const listener = UnixSocket.listen(native, path, "owner");
    const received = receiveDomain(path, quick).catch((error: unknown) => error);
    (await listener.accept(anySignal)).close();
    expect(await received).toEqual(failing("ERR_PROTOCOL", /without giving a domain/));
    listener.close();
    rmSync(path);
  });

  it("waits for the other process, as long as it may", async () => {
    await expect(receiveDomain(path, { timeoutMs: 50 })).rejects.toEqual(
      failing("ERR_TIMEOUT", /no process gave a domain at .* within 50 ms/),
    );
  });

  it("says who was there but did not answer", async () => {
    const silent = UnixSocket.listen(native, path, "owner");
    await expect(receiveDomain(path, { timeoutMs: 50 })).rejects.toMatchObject({
      code: "ERR_TIMEOUT",
      message: expect.stringMatching(`process ${process.pid} of uid .* connected, but did not answer`),
      hint: expect.stringMatching(`process ${process.pid}`),
      details: { pid: process.pid },
    });
    silent.close();
    rmSync(path);
  });

  it("waits for a file that others may not use yet, and says so when that does not change", async () => {
    const { connect } = UnixSocket;
    const refusal = new PciError("EACCES", "connect to the socket", { hint: "take a folder for both" });
    const refuse = vi.spyOn(UnixSocket, "connect").mockImplementation(() => {
      throw refusal;
    });
    await expect(receiveDomain(path, { timeoutMs: 50 })).rejects.toMatchObject({
      code: "ERR_TIMEOUT",
      hint: refusal.hint,
      cause: refusal,
    });
    const received = receiveDomain(path, quick);
    const sent = sendDomain(path, shareOf(container), quick).catch((error: unknown) => error);
    refuse.mockImplementation(connect);
    await expect(received).rejects.toEqual(failing("ENOTTY"));
    expect(await sent).toEqual(failing("ERR_PROTOCOL"));
  });
});

describe("sendDomain", () => {
  it("waits for a process, and leaves no file when none comes or the wait is aborted", async () => {
    await expect(sendDomain(path, shareOf(container), { timeoutMs: 50 })).rejects.toEqual(
      failing("ERR_TIMEOUT", /no process took the domain/),
    );
    const cause = new Error("enough");
    const signal = AbortSignal.abort(cause);
    await expect(sendDomain(path, shareOf(container), { signal })).rejects.toMatchObject({
      code: "ERR_ABORTED",
      cause,
    });
    const controller = new AbortController();
    const sent = sendDomain(path, shareOf(container), { signal: controller.signal });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    controller.abort();
    await expect(sent).rejects.toEqual(failing("ERR_ABORTED"));
  });

  it("sends the files that it was given, whatever takes their numbers while it waits", async () => {
    const sent = sendDomain(path, shareOf(container), quick).catch((error: unknown) => error);
    const { rdev } = fstatSync(container);
    native.close(container);
    container = native.open("/dev/zero", native.constants.O_RDWR);
    const peer = UnixSocket.connect(native, path)!;
    const { fds } = (await peer.receive(LONGEST_MESSAGE, 16, anySignal))!;
    expect(fds.map((fd) => fstatSync(fd).rdev)).toEqual([rdev]);
    for (const fd of fds) native.close(fd);
    peer.close();
    expect(await sent).toEqual(failing("ERR_PROTOCOL"));
  });

  it("sends nothing of a share whose descriptor is another file's by now", async () => {
    await expect(sendDomain(path, shareOf(file), quick)).rejects.toEqual(
      failing("ERR_INVALID_ARGUMENT", /descriptor \d+ is no vfio-container/),
    );
  });

  it("turns one away whose process the kernel does not tell, and waits for the next", async () => {
    vi.spyOn(native, "peer").mockReturnValueOnce(-12);
    const sent = sendDomain(path, shareOf(container), quick).catch((error: unknown) => error);
    const unknown = UnixSocket.connect(native, path)!;
    expect(await unknown.receive(LONGEST_MESSAGE, 0, anySignal)).toBeUndefined();
    unknown.close();
    await expect(receiveDomain(path, quick)).rejects.toEqual(failing("ENOTTY"));
    expect(await sent).toEqual(failing("ERR_PROTOCOL", /did not take/));
  });

  it("says who connected but did not answer", async () => {
    const sent = sendDomain(path, shareOf(container), { timeoutMs: 500 });
    const silent = UnixSocket.connect(native, path);
    await expect(sent).rejects.toEqual(
      failing("ERR_TIMEOUT", /process \d+ of uid \d+ connected, but did not/),
    );
    silent!.close();
  });

  it("keeps the error that came when the time was over", async () => {
    const late = new PciError("EMFILE", "accept: EMFILE", { hint: "ulimit -n" });
    vi.spyOn(UnixSocket.prototype, "accept").mockImplementation(async (signal) => {
      await once(signal, "abort");
      throw late;
    });
    await expect(sendDomain(path, shareOf(container), { timeoutMs: 20 })).rejects.toMatchObject({
      code: "ERR_TIMEOUT",
      hint: late.hint,
      cause: late,
    });
  });

  it("opens its socket to all users only for those that it names", async () => {
    const sent = sendDomain(path, shareOf(container), { timeoutMs: 50, uids: [process.getuid!() + 1] });
    expect(statSync(path).mode & 0o777).toBe(0o666);
    await expect(sent).rejects.toEqual(failing("ERR_TIMEOUT"));
  });

  it("takes no path that is in use, and leaves what is there", async () => {
    writeFileSync(path, "mine");
    await expect(sendDomain(path, shareOf(container), quick)).rejects.toMatchObject({
      code: "EADDRINUSE",
      path,
    });
    expect(statSync(path).size).toBe(4);
    rmSync(path);
  });

  it.each([
    ["", {}],
    ["@", {}],
    ["a\0b", {}],
    ["x".repeat(108), {}],
    [5 as never, {}],
    ["@a", { uids: 5 as never }],
    ["@a", { signal: 5 as never }],
  ])("refuses %j with %o", async (bad, options) => {
    await expect(sendDomain(bad, shareOf(container), options)).rejects.toEqual(
      failing("ERR_INVALID_ARGUMENT"),
    );
  });
});

/** What is no share, whoever is given it. */
const notShares: readonly (readonly [string, object])[] = [
  ["no mappers", { mappers: [] }],
  ["no list of mappers", { mappers: 5 }],
  ["a mapper that is null", { mappers: [null] }],
  ["a mapper without a descriptor", { mappers: [{ kind: "vfio-container" }] }],
  ["no ranges", { ranges: undefined }],
  ["a range that is null", { ranges: [null] }],
  ["a range of numbers", { ranges: [{ start: 0, last: 4095 }] }],
  ["no page size", { pageSize: undefined }],
  ["an empty object", { ranges: undefined, pageSize: undefined, mappers: undefined }],
];

describe("sendDomain", () => {
  it("counts the word of a process that has the domain, though the wait ended before it was read", async () => {
    const controller = new AbortController();
    const sent = sendDomain(path, shareOf(container), { signal: controller.signal });
    const other = UnixSocket.connect(native, path)!;
    const { fds } = (await other.receive(LONGEST_MESSAGE, 1, anySignal))!;
    other.send(Uint8Array.of(1));
    controller.abort();
    using receiver = await sent;
    expect(receiver.pid).toBe(process.pid);
    for (const fd of fds) native.close(fd);
    other.close();
  });

  it.each([
    ["counts", "before"],
    ["does not count, and its sender learns so,", "after"],
  ] as const)("%s a word that comes just %s it has given up", async (_what, when) => {
    const controller = new AbortController();
    const sent = sendDomain(path, shareOf(container), { signal: controller.signal });
    const other = UnixSocket.connect(native, path)!;
    const { fds } = (await other.receive(LONGEST_MESSAGE, 1, anySignal))!;
    const say = () => other.send(Uint8Array.of(1));
    const { shutdown } = native;
    vi.spyOn(native, "shutdown").mockImplementationOnce((fd, how) => {
      if (when === "before") say();
      const result = shutdown(fd, how);
      if (when === "after") expect(say).toThrow(failing("EPIPE"));
      return result;
    });
    controller.abort();
    if (when === "before") (await sent).close();
    else await expect(sent).rejects.toEqual(failing("ERR_ABORTED"));
    expect(native.shutdown).toHaveBeenCalledOnce();
    for (const fd of fds) native.close(fd);
    other.close();
  });

  it.each(notShares)("refuses %s", async (_what, change) => {
    const share = { ...shareOf(container), ...change } as DomainShare;
    await expect(sendDomain(path, share, quick)).rejects.toEqual(failing("ERR_INVALID_ARGUMENT"));
  });
});

describe("adoptDomain", () => {
  it.each<readonly [string, object]>([
    ...notShares,
    ["too many", { mappers: new Array(17).fill({ kind: "vfio-container", fd: 0 }) }],
    ["an unknown kind", { mappers: [{ kind: "toString", fd: 0 }] }],
    ["a descriptor that is not open", { mappers: [{ kind: "vfio-container", fd: 999_999 }] }],
    ["an address space without a number", { mappers: [{ kind: "iommufd-ioas", fd: 0 }] }],
    ["a file", { mappers: [{ kind: "iommufd-ioas", fd: 0, object: 1 }] }],
  ])("refuses %s", (_what, change) => {
    expect(() => adoptDomain({ ...shareOf(0), ...change } as DomainShare)).toThrow(
      failing("ERR_INVALID_ARGUMENT"),
    );
  });
});

describe("the addresses of a domain that is given away", () => {
  /** A domain over what only looks like a container, and a window of it. */
  function owned() {
    const mapper = new MemoryMapper();
    const shareable = {
      share: () => ({ kind: "vfio-container", fd: container }) as const,
      sweepSync: () => {},
    };
    const domain = createDomain();
    domain.attach(Object.assign(mapper, shareable), "0000:01:00.0");
    const window = domain.reserve(4096);
    return { domain, window, reuse: () => domain.reserve(4096, { iova: window.iova }) };
  }

  it("are given out again when the process that took it has gone, not when the reservation is closed", async () => {
    const { domain, window, reuse } = owned();
    const sent = sendDomain(path, domain.share(window), quick);
    const other = UnixSocket.connect(native, path)!;
    const { fds } = (await other.receive(LONGEST_MESSAGE, 1, anySignal))!;
    other.send(Uint8Array.of(1));
    using receiver = await sent;
    window.close();
    expect(reuse).toThrow(failing("ERR_IOVA_OVERLAP"));
    for (const fd of fds) native.close(fd);
    other.close();
    await receiver.ended();
    expect(reuse().iova).toBe(window.iova);
  });

  it("are given out again at once where nobody took it", async () => {
    const { domain, window, reuse } = owned();
    const sent = sendDomain(path, domain.share(window), quick).catch((error: unknown) => error);
    await expect(receiveDomain(path, quick)).rejects.toEqual(failing("ENOTTY"));
    expect(await sent).toEqual(failing("ERR_PROTOCOL"));
    window.close();
    expect(reuse().iova).toBe(window.iova);
  });
});
