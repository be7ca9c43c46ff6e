import { protocolError } from "./errors.ts";
import { limits } from "./limits.ts";
import { messageHeader } from "./structures.ts";

/** `flags` of a header: the low four bits are the type. */
export const headerFlag = { REPLY: 1, NO_REPLY: 1 << 4, ERROR: 1 << 5 } as const;

const TYPE_MASK = 0xf;

/** What every message begins with. */
export interface Header {
  /** Chosen by who asks; the answer has the same. 0 to 65535. */
  readonly id: number;
  /** Number of the command; see `commandOf`. */
  readonly command: number;
  /** Bytes of the whole message. */
  readonly size: number;
  readonly reply: boolean;
  /** Of a request: no answer is wanted. */
  readonly noReply: boolean;
  /** Of a reply: the request failed, and nothing follows the header. */
  readonly error: boolean;
  /** Positive error number, as it came: bounded by nothing. See `errorOf`. */
  readonly errno: number;
}

/**
 * Writes a header.
 *
 * @param flags of {@link headerFlag}
 */
export function writeHeader(
  bytes: Uint8Array,
  id: number,
  command: number,
  size: number,
  flags = 0,
  errno = 0,
): void {
  messageHeader.write(bytes, { id, command, size, flags, errno });
}

/**
 * Reads a header.
 *
 * @param bytes 16 of them at least
 * @param most bytes that a message may have
 * @throws PciError `ERR_PROTOCOL` for a size that no message has, or flags that have no meaning
 */
export function readHeader(bytes: Uint8Array, most: number = limits.message): Header {
  if (bytes.length < limits.header) throw protocolError(`a header of ${bytes.length} bytes, not 16`);
  const { id, command, size, flags, errno } = messageHeader.read(bytes);
  if (size < limits.header || size > most) {
    throw protocolError(`a message of ${size} bytes, and one has ${limits.header} to ${most}`);
  }
  const type = flags & TYPE_MASK;
  if (type > headerFlag.REPLY)
    throw protocolError(`a message of type ${type} (flags 0x${flags.toString(16)})`);
  const reply = type === headerFlag.REPLY;
  return {
    id,
    command,
    size,
    reply,
    noReply: !reply && (flags & headerFlag.NO_REPLY) !== 0,
    error: reply && (flags & headerFlag.ERROR) !== 0,
    errno,
  };
}
