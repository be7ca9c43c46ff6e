import { setImmediate as turn } from "node:timers/promises";
import { MessageChannel } from "node:worker_threads";
import { PciError } from "@userpci/interface";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DmaMessages, type DmaRequest } from "./dma-messages.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

function messagesOf(options: { transfer?: number; inFlight?: number } = {}) {
  const sent: DmaRequest[] = [];
  const send = (request: DmaRequest) => void sent.push(request);
  return { sent, messages: new DmaMessages({ transfer: 4, inFlight: 8, timeoutMs: 100, send, ...options }) };
}

const fault = (cause: string) =>
  expect.objectContaining({ code: "ERR_DMA_FAULT", cause: expect.objectContaining({ code: cause }) });
const nothing = new Uint8Array(0);

describe("DMA by messages", () => {
  it("is cut into what the client takes", async () => {
    const { sent, messages } = messagesOf();
    const read = messages.read(0x1000n, 6);
    messages.settle(sent[0]!.id, "read", { iova: 0x1000n, count: 4n, bytes: Uint8Array.of(1, 2, 3, 4) });
    await vi.advanceTimersByTimeAsync(0);
    messages.settle(sent[1]!.id, "read", { iova: 0x1004n, count: 2n, bytes: Uint8Array.of(5, 6) });
    expect(await read).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6));
    const write = messages.write(8n, Uint8Array.of(7, 8));
    expect(sent[2]).toMatchObject({ access: "write", iova: 8n, size: 2, bytes: Uint8Array.of(7, 8) });
    messages.settle(sent[2]!.id, "write", { iova: 8n, count: 2n, bytes: nothing });
    await write;
    expect(messages.waiting).toBe(0);
  });

  it("has several requests under way, answered in any order, up to a bound", async () => {
    const { sent, messages } = messagesOf({ inFlight: 2 });
    const reads = [0n, 16n, 32n].map((iova) => messages.read(iova, 1));
    expect(sent).toHaveLength(2);
    const answer = (at: number, value: number) =>
      messages.settle(sent[at]!.id, "read", { iova: sent[at]!.iova, count: 1n, bytes: Uint8Array.of(value) });
    answer(1, 2);
    await vi.advanceTimersByTimeAsync(0);
    expect(sent).toHaveLength(3);
    answer(2, 3);
    answer(0, 1);
    expect((await Promise.all(reads)).map(([value]) => value)).toEqual([1, 2, 3]);
  });

  it("is a fault where the client refuses, does not answer in time, or goes", async () => {
    const { sent, messages } = messagesOf();
    const refused = messages.read(0n, 1);
    messages.settle(sent[0]!.id, "read", { error: new PciError("EFAULT", "no") });
    await expect(refused).rejects.toEqual(fault("EFAULT"));
    const late = expect(messages.read(0n, 1)).rejects.toEqual(fault("ERR_TIMEOUT"));
    await vi.advanceTimersByTimeAsync(100);
    await late;
    const gone = expect(messages.read(0n, 1)).rejects.toEqual(fault("ERR_CLOSED"));
    messages.close();
    await gone;
    await expect(messages.write(0n, Uint8Array.of(1))).rejects.toEqual(fault("ERR_CLOSED"));
  });

  it("takes an answer that came in time, though the thread was held up until it was late", async () => {
    vi.useRealTimers();
    const { sent, messages } = messagesOf();
    const { port1, port2 } = new MessageChannel();
    port1.once("message", () => {
      messages.settle(sent[0]!.id, "read", { iova: 0n, count: 1n, bytes: Uint8Array.of(9) });
      port1.close();
    });
    // In the turn that follows, timers are called first, and then what has come.
    await turn();
    const read = messages.read(0n, 1);
    port2.postMessage(undefined);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    expect(await read).toEqual(Uint8Array.of(9));
  });

  it("passes over an answer that comes too late, once", async () => {
    const { sent, messages } = messagesOf();
    const late = expect(messages.read(0n, 1)).rejects.toEqual(fault("ERR_TIMEOUT"));
    await vi.advanceTimersByTimeAsync(100);
    await late;
    const answer = () =>
      messages.settle(sent[0]!.id, "read", { iova: 0n, count: 1n, bytes: Uint8Array.of(1) });
    answer();
    expect(answer).toThrow(expect.objectContaining({ code: "ERR_PROTOCOL" }));
  });

  it.each([
    ["of another command", "write", { iova: 0n, count: 4n, bytes: nothing }],
    ["with fewer bytes", "read", { iova: 0n, count: 4n, bytes: Uint8Array.of(1) }],
    ["for another address", "read", { iova: 4n, count: 4n, bytes: new Uint8Array(4) }],
    ["that counts otherwise", "read", { iova: 0n, count: 3n, bytes: new Uint8Array(4) }],
  ] as const)("takes no answer %s", async (_what, access, answer) => {
    const { sent, messages } = messagesOf();
    const read = messages.read(0n, 4);
    const failed = expect(read).rejects.toEqual(expect.objectContaining({ code: "ERR_DMA_FAULT" }));
    expect(() => messages.settle(sent[0]!.id, access, answer)).toThrow(
      expect.objectContaining({ code: "ERR_PROTOCOL" }),
    );
    messages.close();
    await failed;
  });
});
