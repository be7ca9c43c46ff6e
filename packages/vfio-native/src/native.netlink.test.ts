import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadNative, type Native } from "./native.ts";
import { NetlinkUevents } from "./netlink-uevents.ts";
import { openUevents } from "./uevents.ts";

const native = loadNative();
const EAGAIN = -11;
const ENOBUFS = -105;

let before = native.ledger();
beforeEach(() => {
  before = native.ledger();
});
afterEach(() => expect(native.ledger()).toEqual(before));

describe("netlink", () => {
  it("opens a socket that has no message yet, and owns it", () => {
    const fd = native.netlink(native.constants.NETLINK_KOBJECT_UEVENT, 0);
    expect(native.ledger().descriptors).toBe(before.descriptors + 1);
    expect(native.netlinkReceive(fd, new Uint8Array(64), new Uint32Array(2))).toBe(EAGAIN);
    expect(native.close(fd)).toBe(0);
  });

  it("answers what cannot be with the errno, and keeps nothing", () => {
    expect(native.netlink(0x7fff, 0)).toBe(-93);
    const ends = native.socketpair(native.constants.SOCK_DGRAM) as [number, number];
    native.sendmsg(ends[0], Uint8Array.of(1), []);
    expect(native.netlinkReceive(ends[1], new Uint8Array(8), new Uint32Array(2))).toBe(-91);
    expect(native.netlinkReceive(ends[1], new Uint8Array(8), new Uint32Array(1))).toBe(-22);
    for (const fd of ends) native.close(fd);
  });

  it("wants numbers for the protocol and the groups, and 32-bit words for the sender", () => {
    expect(() => native.netlink("15" as never, 1)).toThrow(/protocol must be a number/);
    expect(() => native.netlink(15, -1)).toThrow(/groups must be an integer from 0/);
    expect(() => native.netlinkReceive(3, new Uint8Array(8), new Uint8Array(8) as never)).toThrow(
      /sender must be a Uint32Array/,
    );
  });
});

describe("openUevents", () => {
  it("ends a wait when it is closed, and when its signal fires", async () => {
    using uevents = openUevents();
    const stop = new AbortController();
    const aborted = uevents.next(stop.signal);
    await setImmediate();
    stop.abort();
    const closed = aborted.then(() => uevents.next());
    await setImmediate();
    uevents.close();
    expect(await aborted).toBeUndefined();
    expect(await closed).toBeUndefined();
    expect(await uevents.next()).toBeUndefined();
  });
});

/** The addon's calls, with these messages on the socket. */
function withMessages(...messages: readonly (readonly [port: number, text: string] | number)[]): Native {
  const left = [...messages];
  const netlinkReceive: Native["netlinkReceive"] = (_fd, target, sender) => {
    const message = left.shift() ?? EAGAIN;
    if (typeof message === "number") return message;
    const [port, text] = message;
    sender[0] = port;
    return Buffer.from(target.buffer).write(text.slice(0, target.length)) && text.length;
  };
  return { ...native, netlinkReceive };
}

describe("NetlinkUevents", () => {
  it("gives what the kernel sent, and nothing that another process did", async () => {
    using uevents = new NetlinkUevents(withMessages([4711, "add@/forged"], [0, "add@/true"]));
    expect(Buffer.from((await uevents.next()) as Uint8Array).toString()).toBe("add@/true");
  });

  it("says that messages are lost where the kernel had no room, or one was too long", async () => {
    using uevents = new NetlinkUevents(withMessages(ENOBUFS, [0, "x".repeat(9000)], -9));
    expect([await uevents.next(), await uevents.next()]).toEqual(["lost", "lost"]);
    await expect(uevents.next()).rejects.toMatchObject({ code: "EBADF", syscall: "recvmsg" });
  });

  it("says what may forbid the socket", () => {
    expect(() => new NetlinkUevents({ ...native, netlink: () => -93 })).toThrow(
      expect.objectContaining({ code: "EPROTONOSUPPORT", hint: expect.stringContaining("sandbox") }),
    );
  });
});
