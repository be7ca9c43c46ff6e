import { failing } from "@userpci/interface/testing";
import { describe, expect, it } from "vitest";
import { Descriptor } from "./descriptor.ts";
import type { Native } from "./native.ts";

/** An addon that only closes, and remembers in which way. */
function closing(): { native: Native; closed: string[] } {
  const closed: string[] = [];
  const native = {
    close: (fd: number) => closed.push(`close ${fd}`),
    closeAsync: async (fd: number) => {
      closed.push(`closeAsync ${fd}`);
      return 0;
    },
  } as unknown as Native;
  return { native, closed };
}

/** A call on another thread, ended by hand. */
function call(descriptor: Descriptor): { end: () => void; result: Promise<string> } {
  let end!: () => void;
  const work = new Promise<string>((resolve) => {
    end = () => resolve("done");
  });
  return { end, result: descriptor.use(() => work) };
}

describe("Descriptor", () => {
  it("closes at once when nothing uses it, and once", async () => {
    const { native, closed } = closing();
    const descriptor = new Descriptor(native, 7);
    descriptor.close();
    descriptor.close();
    await descriptor.closeAsync();
    expect(closed).toEqual(["close 7"]);
  });

  it("stays open until the last call has ended", async () => {
    const { native, closed } = closing();
    const descriptor = new Descriptor(native, 7);
    const calls = [call(descriptor), call(descriptor)];
    descriptor.close();
    expect(descriptor.closed).toBe(true);
    calls[0]!.end();
    await calls[0]!.result;
    expect(closed).toEqual([]);
    calls[1]!.end();
    expect(await calls[1]!.result).toBe("done");
    expect(closed).toEqual(["closeAsync 7"]);
  });

  it("does what must come before closing only when nothing uses it any more", async () => {
    const { native, closed } = closing();
    const descriptor = new Descriptor(native, 7);
    const { end, result } = call(descriptor);
    descriptor.close(() => closed.push("before"));
    expect(closed).toEqual([]);
    end();
    await result;
    expect(closed).toEqual(["before", "closeAsync 7"]);
    new Descriptor(native, 8).close(() => closed.push("before"));
    expect(closed.slice(2)).toEqual(["before", "close 8"]);
  });

  it("resolves its close when it is closed", async () => {
    const { native, closed } = closing();
    const descriptor = new Descriptor(native, 7);
    const { end, result } = call(descriptor);
    const close = descriptor.closeAsync();
    setTimeout(end, 5);
    await close;
    expect(closed).toEqual(["closeAsync 7"]);
    await result;
  });

  it("closes after a call that failed", async () => {
    const { native, closed } = closing();
    const descriptor = new Descriptor(native, 7);
    const failing = descriptor.use(() => Promise.reject(new Error("no")));
    descriptor.close();
    await expect(failing).rejects.toThrow("no");
    expect(closed).toEqual(["closeAsync 7"]);
  });

  it("is not used once it is closed, nor closed again", async () => {
    const { native, closed } = closing();
    const descriptor = new Descriptor(native, 7);
    const { end, result } = call(descriptor);
    descriptor.close();
    let began = false;
    const late = async (): Promise<void> => {
      began = true;
    };
    await expect(descriptor.use(late)).rejects.toEqual(failing("ERR_CLOSED"));
    end();
    await result;
    await expect(descriptor.use(late)).rejects.toEqual(failing("ERR_CLOSED"));
    expect([began, closed]).toEqual([false, ["closeAsync 7"]]);
  });
});
