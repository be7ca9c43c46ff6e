import { constants } from "node:os";
import { PciError } from "@userpci/interface";
import { closeReceived } from "@userpci/vfio-native/socket";

const { errno } = constants;

/** Names of the system errors that a server answers. */
export type RefusalCode = "EINVAL" | "E2BIG" | "EBUSY" | "ENODEV" | "ENOENT" | "ENOTTY" | "EOPNOTSUPP";

const AT_FAULT = "the client is at fault: see the vfio-user specification, QEMU docs/interop/vfio-user.rst";

/** The error for a request that is answered with a number of the system, and said so in words. */
export function refusal(code: RefusalCode, message: string, hint = AT_FAULT): PciError {
  return new PciError(code, message, { errno: -errno[code], hint });
}

/** What waits for a client, or is sent to one, that is there no more. */
export function clientGone(): PciError {
  return new PciError("ERR_CLOSED", "the client has gone", {
    hint: "nothing is wrong here if it has closed the device or was ended; else its own messages say why",
  });
}

/** The descriptors that came with a message. What nobody takes is closed. */
export class Descriptors {
  readonly #fds: number[];

  /** @param fds this object's from now on */
  constructor(fds: readonly number[]) {
    this.#fds = [...fds];
  }

  /** How many are left. */
  get length(): number {
    return this.#fds.length;
  }

  /** Takes all that are left; they are the caller's to close. */
  takeAll(): number[] {
    return this.#fds.splice(0);
  }

  /** Lends the only one, if there is one. @throws PciError `EINVAL` for several */
  only(what: string): number | undefined {
    if (this.#fds.length > 1)
      throw refusal("EINVAL", `${what} came with ${this.#fds.length} descriptors, not one`);
    return this.#fds[0];
  }

  /** Closes what is left. Harmless twice. */
  close(): void {
    for (const fd of this.#fds.splice(0)) closeReceived(fd);
  }
}
