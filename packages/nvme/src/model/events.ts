import { logPage } from "../commands.ts";

/** Bit of OAES: the controller tells of changed namespaces. Linux asks for events only where one of the notices is there. */
export const CHANGED_NAMESPACE_NOTICES = 1 << 8;

/** Types of asynchronous events (NVM Express Base 2.0, figure 145). */
const eventType = { ERROR: 0, HEALTH: 1, NOTICE: 2 } as const;

/** Events of the type `ERROR` (figure 146). */
export const errorEvent = { INVALID_DOORBELL: 0, INVALID_DOORBELL_VALUE: 1 } as const;

/** Events of the type `HEALTH` (figure 147). */
export const healthEvent = { TEMPERATURE: 1 } as const;

/** Types that there are: at most one event of each waits. */
export const EVENT_TYPES = 3;

/** Which type of event a log page tells more of. */
const typeOfLog: Readonly<Record<number, number>> = {
  [logPage.ERRORS]: eventType.ERROR,
  [logPage.HEALTH]: eventType.HEALTH,
  [logPage.CHANGED_NAMESPACES]: eventType.NOTICE,
};

/**
 * Asynchronous events (NVM Express Base 2.0, section 5.2; 1.4, 5.2): commands that the host has left here to be completed by an
 * event. After one of a type was told, no other of that type is until the host has read its log page.
 */
export class AsyncEvents {
  /** Identifiers of the commands that are held, the oldest first. */
  readonly held: number[] = [];
  /** Events that nobody has asked for yet, DW0 of their completions, one of a type at most, the oldest first. */
  readonly pending: number[] = [];
  /** Bit of each type that was told and whose log was not read. */
  masked = 0;

  reset(): void {
    this.held.length = 0;
    this.pending.length = 0;
    this.masked = 0;
  }

  /** An error of the host's; one more of the type is dropped. @param event of `errorEvent` */
  raiseError(event: number): void {
    this.#raise(eventType.ERROR, event, logPage.ERRORS);
  }

  /** Something is wrong with the disk; one more of the type is dropped. @param event of `healthEvent` */
  raiseHealth(event: number): void {
    this.#raise(eventType.HEALTH, event, logPage.HEALTH);
  }

  /** The log page was read, and the host wants to hear of what it tells from now on. */
  logWasRead(page: number): void {
    const type = typeOfLog[page];
    if (type === undefined) return;
    this.masked &= ~(1 << type);
    const index = this.pending.findIndex((result) => typeOf(result) === type);
    if (index >= 0) this.pending.splice(index, 1);
  }

  /**
   * What can be told now.
   *
   * @returns the command to complete with DW0 of its completion, or undefined
   */
  take(): { readonly cid: number; readonly result: number } | undefined {
    if (this.pending.length === 0 || this.held.length === 0) return undefined;
    const result = this.pending.shift()!;
    this.masked |= 1 << typeOf(result);
    return { cid: this.held.shift()!, result };
  }

  /** Takes a held command back. @returns whether it was held */
  abort(cid: number): boolean {
    const index = this.held.indexOf(cid);
    if (index < 0) return false;
    this.held.splice(index, 1);
    return true;
  }

  #raise(type: number, event: number, page: number): void {
    const waits = this.pending.some((result) => typeOf(result) === type);
    if (!waits && (this.masked & (1 << type)) === 0) this.pending.push(type | (event << 8) | (page << 16));
  }
}

/** The type of an event. @param result DW0 of its completion */
const typeOf = (result: number): number => result & 7;
