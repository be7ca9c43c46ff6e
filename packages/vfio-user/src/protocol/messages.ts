import { formatValue, PciError } from "@userpci/interface";
import type { Struct, Values } from "@userpci/vfio-native/structures";
import {
  type AnyStruct,
  type Command,
  type CommandName,
  commandOf,
  commands,
  type Layout,
} from "./commands.ts";
import { protocolError } from "./errors.ts";
import { type Header, headerFlag, readHeader, writeHeader } from "./header.ts";
import { limits } from "./limits.ts";

/** Fields of a structure; none for null. */
export type ValuesOf<S> = S extends Struct<infer F> ? Values<F> : Record<never, never>;
/** The structure of a layout. */
export type StructOf<L> = L extends { readonly struct: infer S } ? S : never;

/** Fields of a command's request. */
export type RequestValues<N extends CommandName> = ValuesOf<StructOf<(typeof commands)[N]["request"]>>;
/** Fields of a command's reply. */
export type ReplyValues<N extends CommandName> = ValuesOf<StructOf<(typeof commands)[N]["reply"]>>;

/** A message taken apart. `values` are the fields of the command's structure; `tail` is what follows, a view of the bytes. */
export type Message =
  | {
      readonly header: Header;
      readonly name: CommandName;
      readonly values: FieldValues;
      readonly tail: Uint8Array;
    }
  /** A refusal: nothing but its header. */
  | { readonly header: Header; readonly name: CommandName | undefined; readonly values: undefined };

/** Fields of a structure, by name. */
export type FieldValues = Readonly<Record<string, number | bigint>>;

const nothing = new Uint8Array(0);

function encode(
  layout: Layout,
  id: number,
  command: number,
  flags: number,
  values: FieldValues,
  tail: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const struct = layout.struct as AnyStruct | null;
  const fixed = limits.header + (struct?.size ?? 0);
  const bytes = new Uint8Array(fixed + tail.length);
  writeHeader(bytes, id, command, bytes.length, flags);
  struct?.write(bytes, values as never, limits.header);
  bytes.set(tail, fixed);
  return bytes;
}

/**
 * Makes a request.
 *
 * @param id 0 to 65535, which the reply will have
 * @param values fields of the command's structure; 0 where none is given
 * @param tail what follows them
 * @param noReply whether no answer is wanted
 * @throws PciError `ERR_INVALID_ARGUMENT` for no name of a command
 */
export function encodeRequest<N extends CommandName>(
  name: N,
  id: number,
  values: Partial<RequestValues<N>>,
  tail: Uint8Array = nothing,
  noReply = false,
): Uint8Array<ArrayBuffer> {
  const { number, request } = commandNamed(name);
  const flags = noReply ? headerFlag.NO_REPLY : 0;
  return encode(request as Layout, id, number, flags, values as FieldValues, tail);
}

/** Makes the answer to a request that was done. Parameters as for {@link encodeRequest}. */
export function encodeReply<N extends CommandName>(
  name: N,
  id: number,
  values: Partial<ReplyValues<N>>,
  tail: Uint8Array = nothing,
): Uint8Array<ArrayBuffer> {
  const { number, reply } = commandNamed(name);
  return encode(reply as Layout, id, number, headerFlag.REPLY, values as FieldValues, tail);
}

/**
 * Makes a refusal.
 *
 * @param command its number, known or not
 * @param errno positive; see `errnoOf`
 */
export function encodeError(id: number, command: number, errno: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(limits.header);
  writeHeader(bytes, id, command, bytes.length, headerFlag.REPLY | headerFlag.ERROR, errno);
  return bytes;
}

/**
 * Takes a whole message apart.
 *
 * @param bytes exactly one message
 * @throws PciError `ERR_PROTOCOL` for what is none: see {@link readHeader}; `ERR_INVALID_ARGUMENT` for what are no bytes
 */
export function decodeMessage(bytes: Uint8Array): Message {
  if (!(bytes instanceof Uint8Array)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `a message must be bytes, not ${formatValue(bytes)}`, {
      hint: "pass a Uint8Array with exactly one message",
    });
  }
  const header = readHeader(bytes);
  if (header.size !== bytes.length) {
    throw protocolError(`a message of ${bytes.length} bytes, whose header says ${header.size}`);
  }
  const name = commandOf(header.command);
  if (header.error) return { header, name, values: undefined };
  if (name === undefined) throw protocolError(`no command has the number ${header.command}`);
  const body = bytes.subarray(limits.header);
  const { request, reply } = commands[name];
  return { header, name, ...decodeLayout(header.reply ? reply : request, body, name) };
}

/**
 * Takes what follows a request's header apart.
 *
 * @throws PciError `ERR_PROTOCOL` if it is shorter than the command's structure, or not as long as that says
 */
export function decodeRequest<N extends CommandName>(
  name: N,
  body: Uint8Array,
): { readonly values: RequestValues<N>; readonly tail: Uint8Array } {
  return decodeLayout(commandNamed(name).request, body, name) as never;
}

/** {@link decodeRequest} of a reply that is no refusal. */
export function decodeReply<N extends CommandName>(
  name: N,
  body: Uint8Array,
): { readonly values: ReplyValues<N>; readonly tail: Uint8Array } {
  return decodeLayout(commandNamed(name).reply, body, name) as never;
}

function commandNamed<N extends CommandName>(name: N): (typeof commands)[N] {
  if (typeof name === "string" && Object.hasOwn(commands, name)) return commands[name];
  throw new PciError("ERR_INVALID_ARGUMENT", `no command is called ${formatValue(name)}`, {
    hint: `one of ${Object.keys(commands).join(", ")}`,
  });
}

function decodeLayout(
  layout: Command["request"],
  body: Uint8Array,
  name: CommandName,
): { values: FieldValues; tail: Uint8Array } {
  const { struct } = layout;
  const fixed = struct?.size ?? 0;
  if (body.length < fixed) throw protocolError(`${name} with ${body.length} bytes, which takes ${fixed}`);
  const values = struct?.read(body) ?? {};
  const tail = body.subarray(fixed);
  const expected = layout.tail === undefined ? 0 : (layout.tail?.(values as never) ?? tail.length);
  if (tail.length !== expected) {
    throw protocolError(`${name} with ${tail.length} bytes of data, which says it has ${expected}`);
  }
  return { values, tail };
}
