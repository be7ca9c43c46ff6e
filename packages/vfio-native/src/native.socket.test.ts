import { readdirSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadNative } from "./native.ts";
import type { Received } from "./native-sockets.ts";

const native = loadNative();
const { SOCK_NONBLOCK, SOCK_SEQPACKET, SOCK_STREAM } = native.constants;
const EAGAIN = -11;

let before = native.ledger();
let ends: [number, number] = [-1, -1];
beforeEach(() => {
  before = native.ledger();
  ends = pair(SOCK_STREAM | SOCK_NONBLOCK);
});
afterEach(() => {
  for (const fd of ends) native.close(fd);
  expect(native.ledger()).toEqual(before);
});

function pair(type: number): [number, number] {
  const fds = native.socketpair(type);
  if (typeof fds === "number") throw new Error(`socketpair ${fds}`);
  return fds;
}

function received(fd: number, room: number, maxFds: number): Received & { data: number[] } {
  const target = new Uint8Array(room);
  const result = native.recvmsg(fd, target, maxFds);
  if (typeof result === "number") throw new Error(`recvmsg ${result}`);
  return { ...result, data: [...target.subarray(0, result.bytes)] };
}

function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

describe("sendmsg and recvmsg", () => {
  it("carry bytes", () => {
    expect(native.sendmsg(ends[0], Uint8Array.of(1, 2, 3), [])).toBe(3);
    expect(received(ends[1], 8, 0)).toEqual({ bytes: 3, fds: [], truncated: false, data: [1, 2, 3] });
    expect(native.recvmsg(ends[1], new Uint8Array(8), 0)).toBe(EAGAIN);
  });

  it("carry descriptors, which work at the other end", () => {
    const counters = [native.eventfd(11), native.eventfd(22), native.eventfd(33)];
    expect(native.sendmsg(ends[0], Uint8Array.of(9), counters)).toBe(1);
    for (const fd of counters) native.close(fd);
    const { fds, data } = received(ends[1], 8, 3);
    expect(data).toEqual([9]);
    expect(fds.map((fd) => native.counterRead(fd))).toEqual([11, 22, 33]);
    for (const fd of fds) expect(native.close(fd)).toBe(0);
  });

  it("carry as many descriptors as the kernel takes in one message", () => {
    const fd = native.eventfd(1);
    expect(native.sendmsg(ends[0], Uint8Array.of(1), new Array(253).fill(fd))).toBe(1);
    const { fds, truncated } = received(ends[1], 1, 253);
    expect([fds.length, truncated]).toEqual([253, false]);
    for (const each of [fd, ...fds]) native.close(each);
  });

  it("leak no descriptor when more came than were asked for", () => {
    const fd = native.eventfd(1);
    const open = openDescriptors();
    for (const maxFds of [0, 1, 2]) {
      native.sendmsg(ends[0], Uint8Array.of(5), [fd, fd, fd]);
      expect(received(ends[1], 8, maxFds)).toEqual({ bytes: 1, fds: [], truncated: true, data: [5] });
    }
    expect(openDescriptors()).toBe(open);
    native.close(fd);
  });

  it("say when a datagram was longer than the room for it, and leak none of its descriptors", () => {
    const packets = pair(SOCK_SEQPACKET);
    const open = openDescriptors();
    native.sendmsg(packets[0], Uint8Array.of(1, 2, 3, 4), [packets[0]]);
    expect(received(packets[1], 2, 1)).toEqual({ bytes: 2, fds: [], truncated: true, data: [1, 2] });
    expect(openDescriptors()).toBe(open);
    for (const fd of packets) native.close(fd);
  });

  it("report the end of the stream, and no signal for a broken one", () => {
    native.close(ends[0]);
    expect(received(ends[1], 8, 0).bytes).toBe(0);
    expect(native.sendmsg(ends[1], Uint8Array.of(1), [])).toBe(-32);
  });

  it("answer errors as negative numbers", () => {
    expect(native.socketpair(9)).toBe(-94);
    expect(native.sendmsg(-1, new Uint8Array(1), [])).toBe(-9);
    expect(native.sendmsg(ends[0], new Uint8Array(1), [-1])).toBe(-9);
    expect(native.recvmsg(-1, new Uint8Array(1), 0)).toBe(-9);
    const file = native.memfd("x", 1, 0, 0);
    expect(native.recvmsg(file, new Uint8Array(1), 0)).toBe(-88);
    native.close(file);
  });
});

describe("sockets with names", () => {
  const name = Buffer.from(`\0userpci-native-${process.pid}`);

  it("connect two ends, which know each other's process", () => {
    const listener = native.socket(SOCK_SEQPACKET | SOCK_NONBLOCK);
    const client = native.socket(SOCK_SEQPACKET | SOCK_NONBLOCK);
    expect(native.connect(client, name)).toBe(-111);
    expect([native.bind(listener, name), native.listen(listener, 1)]).toEqual([0, 0]);
    expect(native.accept(listener)).toBe(EAGAIN);
    expect(native.connect(client, name)).toBe(0);
    const server = native.accept(listener);
    const me = { pid: process.pid, uid: process.getuid!(), gid: process.getgid!() };
    expect([native.peer(client), native.peer(server)]).toEqual([me, me]);
    native.sendmsg(client, Uint8Array.of(7), []);
    expect(received(server, 8, 0).data).toEqual([7]);
    for (const fd of [listener, client, server]) expect(native.close(fd)).toBe(0);
  });

  it("shut for reading give what has come, and let the other end send nothing more", () => {
    const pair = native.socketpair(SOCK_SEQPACKET | SOCK_NONBLOCK) as [number, number];
    native.sendmsg(pair[1], Uint8Array.of(3), []);
    expect(native.shutdown(pair[0], native.constants.SHUT_RD)).toBe(0);
    expect(native.sendmsg(pair[1], Uint8Array.of(4), [])).toBe(-32);
    expect(received(pair[0], 8, 0).data).toEqual([3]);
    expect(received(pair[0], 8, 0).data).toEqual([]);
    for (const fd of pair) native.close(fd);
    expect([native.shutdown(-1, 0), native.shutdown(ends[0], 9)]).toEqual([-9, -22]);
  });

  it("answer errors as negative numbers", () => {
    const [fd] = ends;
    expect(native.socket(9)).toBe(-94);
    expect(native.bind(fd, new Uint8Array(109))).toBe(-36);
    expect(native.connect(-1, name)).toBe(-9);
    expect([native.listen(-1, 1), native.accept(-1), native.peer(-1)]).toEqual([-9, -9, -9]);
    expect(() => native.bind(fd, "name" as never)).toThrow(TypeError);
  });
});
