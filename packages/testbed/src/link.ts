import type { Readable, Writable } from "node:stream";
import { encodeFrame, type Frame, FrameReader, type FrameType } from "./frame.ts";

/** What the owner of a {@link Link} wants to hear. */
export interface LinkEvents {
  onFrame(frame: Frame): void;
  /** Once, when the peer is gone or sent nonsense (then with the reason). */
  onClose(reason?: Error): void;
}

/** Frames over a pair of byte streams. */
export class Link {
  readonly #writable: Writable;
  #closed = false;

  constructor(readable: Readable, writable: Writable, events: LinkEvents) {
    this.#writable = writable;
    const reader = new FrameReader();
    const close = (reason?: Error) => {
      if (this.#closed) return;
      this.#closed = true;
      readable.destroy();
      writable.destroy();
      events.onClose(reason);
    };
    readable.on("data", (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) events.onFrame(frame);
      } catch (error) {
        close(error as Error);
      }
    });
    readable.on("end", () => close());
    readable.on("close", () => close());
    readable.on("error", close);
    writable.on("error", close);
  }

  /** Whether the peer is gone; sending does nothing then. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Queues a frame. Resolves when the peer keeps up, so that a pump that awaits it holds little memory. */
  async send(type: FrameType, id: number, payload: Uint8Array | string = ""): Promise<void> {
    if (this.#closed) return;
    if (this.#writable.write(encodeFrame(type, id, payload))) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#writable.off("drain", done);
        this.#writable.off("close", done);
        resolve();
      };
      this.#writable.once("drain", done);
      this.#writable.once("close", done);
    });
  }

  /** Sends a value as JSON. */
  sendJson(type: FrameType, id: number, value: unknown): Promise<void> {
    return this.send(type, id, JSON.stringify(value));
  }
}

/** Copies a stream into frames of one type and id until it ends or is destroyed. */
export async function pump(stream: Readable, link: Link, type: FrameType, id: number): Promise<void> {
  try {
    for await (const chunk of stream) await link.send(type, id, chunk as Buffer);
  } catch {
    // The stream was cut (the command ended, or the link did); whoever cut it reports why.
  }
}
