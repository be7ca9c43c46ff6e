import type { Channel } from "./channel.ts";
import type { Session } from "./session.ts";

/** Messages of a client that are done before others have their turn. */
const TURN = 64;
/** Steps that a model may take at the end of a turn; what is left it does by itself. */
const STEPS = 32;

/** What ends the watches of a channel; its socket does that too when it closes. */
interface Watches {
  messages: (() => void) | undefined;
  room: (() => void) | undefined;
}

/** Serves channels from the event loop: all messages that are there, and then what they set off. */
export class LoopPump {
  readonly #keepsAlive: boolean;

  /** @param keepsAlive whether clients keep the process alive */
  constructor(keepsAlive: boolean) {
    this.#keepsAlive = keepsAlive;
  }

  /** Serves a channel of a session until either is closed. */
  add(session: Session, channel: Channel): void {
    const watches: Watches = { messages: undefined, room: undefined };
    channel.onBlocked = () => this.#arrange(session, channel, watches);
    this.#arrange(session, channel, watches);
  }

  /** Watches for messages until too many answers wait, and for room while any message does. */
  #arrange(session: Session, channel: Channel, watches: Watches): void {
    const { socket } = channel;
    if (socket.closed) return;
    if (channel.full) {
      watches.messages?.();
      watches.messages = undefined;
    } else watches.messages ??= socket.onReadable(() => this.#turn(session, channel), this.#keepsAlive);
    if (!channel.blocked) {
      watches.room?.();
      watches.room = undefined;
    } else watches.room ??= socket.onWritable(() => this.#flush(session, channel, watches));
  }

  #flush(session: Session, channel: Channel, watches: Watches): void {
    guarded(session, () => {
      channel.flush();
      this.#arrange(session, channel, watches);
    });
  }

  #turn(session: Session, channel: Channel): void {
    const state = guarded(session, () => channel.serve(TURN, 0));
    if (state === "closed") session.close();
    session.step(STEPS);
  }
}

/** Does a part of a session's work; what it throws ends the session. @returns undefined then */
export function guarded<T>(session: Session, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    session.close(error);
    return undefined;
  }
}
