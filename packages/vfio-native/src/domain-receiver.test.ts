import { expect, it } from "vitest";
import { receiverOf } from "./domain-receiver.ts";
import { loadNative } from "./native.ts";
import { UnixSocket } from "./unix-socket.ts";

const native = loadNative();

it("a receiver says what to do when it is no longer looked at, or the wait for its end is aborted", async () => {
  const before = native.ledger();
  const name = `@userpci-receiver-${process.pid}`;
  const listener = UnixSocket.listen(native, name, "owner");
  const other = UnixSocket.connect(native, name)!;
  const socket = await listener.accept(new AbortController().signal);
  using receiver = receiverOf(socket, socket.peer());
  const failing = (code: string, hint: RegExp) =>
    expect.objectContaining({ code, hint: expect.stringMatching(hint) });
  await expect(receiver.ended(AbortSignal.abort())).rejects.toEqual(failing("ERR_ABORTED", /signal/));
  receiver.close();
  await expect(receiver.ended()).rejects.toEqual(failing("ERR_CLOSED", /before close/));
  for (const each of [other, listener]) each.close();
  expect(native.ledger()).toEqual(before);
});
