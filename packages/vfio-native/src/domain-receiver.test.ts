import { failing } from "@userpci/interface/testing";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { receiverOf } from "./domain-receiver.ts";
import { loadNative } from "./native.ts";
import { UnixSocket } from "./unix-socket.ts";

const native = loadNative();

let before = native.ledger();
beforeEach(() => {
  before = native.ledger();
});
afterEach(() => {
  expect(native.ledger()).toEqual(before);
});

/** A receiver, and the other end of its socket. */
async function received() {
  const name = `@userpci-receiver-${process.pid}`;
  const listener = UnixSocket.listen(native, name, "owner");
  const other = UnixSocket.connect(native, name)!;
  const socket = await listener.accept(new AbortController().signal);
  listener.close();
  const gone = vi.fn();
  return { other, gone, receiver: receiverOf(socket, socket.peer(), gone) };
}

it("a receiver says what to do when it is no longer looked at, or the wait for its end is aborted", async () => {
  const { other, receiver } = await received();
  await expect(receiver.ended(AbortSignal.abort())).rejects.toEqual(failing("ERR_ABORTED", /./, /signal/));
  const waiting = receiver.ended();
  await expect(receiver.ended()).rejects.toEqual(failing("ERR_BUSY", /waited for already/, /abort it/));
  receiver.close();
  await expect(waiting).rejects.toEqual(failing("ERR_CLOSED", /./, /before close/));
  await expect(receiver.ended()).rejects.toEqual(failing("ERR_CLOSED", /./, /before close/));
  other.close();
});

it("that a receiver has gone is known before who waits for it goes on, and without a wait", async () => {
  const awaited = await received();
  const waiting = awaited.receiver.ended().then(() => awaited.gone.mock.calls.length);
  awaited.other.close();
  expect(await waiting).toBe(1);
  const alone = await received();
  expect(alone.gone).not.toHaveBeenCalled();
  alone.other.close();
  await expect.poll(() => alone.gone.mock.calls.length).toBe(1);
  await alone.receiver.ended();
  for (const { receiver } of [awaited, alone]) receiver.close();
});

it("a receiver that is no longer looked at is not taken for gone", async () => {
  const { other, gone, receiver } = await received();
  receiver.close();
  receiver.close();
  other.close();
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(gone).not.toHaveBeenCalled();
});
