import { setTimeout as later, setImmediate as nextTurn } from "node:timers/promises";
import type { Channel, ChannelState } from "./channel.ts";
import { guarded } from "./loop-pump.ts";
import type { Session } from "./session.ts";

/** How long this thread waits at a time, in milliseconds: so late it hears of anything but its client. */
const SLICE_MS = 10;
/** How long to wait for a client to read what it was sent, in milliseconds. */
const FULL_MS = 1;
/** Messages between two looks at the clock. */
const CLOCK = 16;
/** How long after the last thing that happened a model that must be polled is polled without a wait, in milliseconds. */
const BUSY_MS = 0.5;
/** Most milliseconds between two looks at the memory of a model that must be polled. */
const IDLE_MS = 1;
/** Steps of a model between two looks for a message. */
const STEPS = 32;

/** Serves one client by waiting for it with this thread, which nothing else can use meanwhile, but for a turn now and then. */
export class BlockingPump {
  #closed = false;
  /** When something happened last. */
  #active = 0;

  /** Serves a session until it is closed. */
  add(session: Session, channel: Channel): void {
    channel.socket.sleepFor(SLICE_MS);
    void this.#run(session, channel);
  }

  close(): void {
    this.#closed = true;
  }

  async #run(session: Session, channel: Channel): Promise<void> {
    while (!this.#closed && !session.closed) {
      guarded(session, () => this.#turn(session, channel));
      await (channel.full ? later(FULL_MS) : nextTurn());
    }
  }

  /** Takes messages one by one until it is somebody else's turn. */
  #turn(session: Session, channel: Channel): undefined {
    const end = performance.now() + SLICE_MS;
    for (let taken = 1; !session.closed; taken++) {
      const presses = channel.blocked && !channel.flush();
      if (channel.full) return;
      const polls = presses || mustPoll(session);
      // What has waited may have its answer now, and goes on with it only when this returns.
      const awaited = isAwaiting(session);
      const state = polls ? this.#look(session, channel) : channel.sleep();
      if (state === "closed") session.close();
      if (awaited || isAwaiting(session) || (state === "idle" && !polls)) return;
      if ((polls || taken % CLOCK === 0) && performance.now() >= end) return;
    }
  }

  /** Lets the model look for something to do, then takes a message if there is one soon. */
  #look(session: Session, channel: Channel): ChannelState {
    if (session.step(STEPS)) this.#active = performance.now();
    const quietMs = performance.now() - this.#active;
    const state = channel.serve(1, session.device?.fn.pending ? 0 : waitAfter(quietMs));
    if (state === "more") this.#active = performance.now();
    return state;
  }
}

/** Whether the model has something to do, or may find something that nobody tells it of. */
const mustPoll = ({ device }: Session): boolean =>
  device !== undefined && (device.isMapped || device.fn.pending);

/** Whether something waits for an answer of the client, and goes on in a turn of the event loop. */
const isAwaiting = ({ device }: Session): boolean => device !== undefined && device.messages.waiting > 0;

/** How long to wait for a message, between two looks at a model's memory. @param quietMs since when nothing has happened */
function waitAfter(quietMs: number): number {
  return quietMs < BUSY_MS ? 0 : Math.min(IDLE_MS, quietMs / 8);
}
