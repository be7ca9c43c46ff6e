import type { Port } from "./port.ts";

/** What lies between two ports: a frame that one sends, the other receives at once. */
export class Wire {
  readonly #ports: [Port | undefined, Port | undefined] = [undefined, undefined];
  #up = false;

  /** A port is at one of the ends. */
  connect(end: 0 | 1, port: Port): void {
    this.#ports[end] = port;
  }

  /** The link is up while both ends offer it. */
  negotiate(): void {
    const [a, b] = this.#ports;
    this.#up = a?.offersLink === true && b?.offersLink === true;
    a?.setLink(this.#up);
    b?.setLink(this.#up);
  }

  /** @returns whether there is a link */
  carry(from: 0 | 1, frame: Uint8Array): boolean {
    if (this.#up) this.#other(from)?.receive(frame);
    return this.#up;
  }

  /** What was carried is to be told of. */
  tell(from: 0 | 1): void {
    this.#other(from)?.receiver.tell();
  }

  #other(end: 0 | 1): Port | undefined {
    return this.#ports[1 - end];
  }
}
