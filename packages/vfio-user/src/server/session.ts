import { constants } from "node:os";
import { isPciError } from "@userpci/interface";
import { FrameSocket } from "@userpci/vfio-native/socket";
import {
  agreedMinor,
  type Capabilities,
  commands,
  decodeReply,
  decodeVersion,
  encodeError,
  encodeRequest,
  encodeVersion,
  errnoOf,
  errorOf,
  headerFlag,
  limits as protocol,
  protocolError,
  VERSION,
  writeHeader,
} from "../protocol/index.ts";
import { Channel } from "./channel.ts";
import { ClientDevice, type Served } from "./client-device.ts";
import { handlers } from "./commands/table.ts";
import { Descriptors, refusal } from "./descriptors.ts";
import type { DmaRequest } from "./dma-messages.ts";
import type { ServerLimits } from "./limits.ts";

/** What a session is told and asked. */
export interface SessionOptions {
  readonly limits: ServerLimits;
  /** Whether DMA messages may have a socket of their own. */
  readonly twinSocket: boolean;
  /** The function for this client, asked for once. @throws PciError for a client that gets none */
  readonly serve: () => Served;
  /** Told of a socket that must be served beside the first. */
  readonly onChannel: (channel: Channel) => void;
  /** Told once what the client said of itself. */
  readonly onOpen: (capabilities: Capabilities) => void;
  /** Told once when it is over; without an error the client left. */
  readonly onClose: (error: unknown) => void;
  /** Told of what was thrown that is the model's fault. */
  readonly onFault: (error: unknown) => void;
}

const TYPE = 0xf;
const { REPLY, NO_REPLY } = headerFlag;
const noDescriptors = new Descriptors([]);
/** Where what is looked at in every message is. */
const at = { id: 0, command: 2, flags: 8, errno: 12 } as const;
const { EINVAL } = constants.errno;

/** One client: its messages are done in order, each as it comes, and answered. */
export class Session {
  readonly #options: SessionOptions;
  readonly #main: Channel;
  #twin: Channel | undefined;
  #device: ClientDevice | undefined;
  /** DMA requests of a message that is not answered yet: a client waits for that answer first. */
  #held: DmaRequest[] | undefined;
  #closed = false;

  /** @param socket this object's from now on */
  constructor(socket: FrameSocket, options: SessionOptions) {
    this.#options = options;
    this.#main = new Channel(socket, (message, bytes, size) => this.#take(message, bytes, size));
  }

  get main(): Channel {
    return this.#main;
  }

  /** The function, once the version is agreed on. */
  get device(): ClientDevice | undefined {
    return this.#device;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Lets the model do what is due. @param most steps @returns whether it did something */
  step(most: number): boolean {
    if (this.#closed || this.#device === undefined) return false;
    try {
      return this.#device.step(most);
    } catch (fault) {
      this.#options.onFault(fault);
      return false;
    }
  }

  /** Ends it, and gives the function back. Harmless twice. @param error why, unless the client left */
  close(error?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#device?.close();
    } catch (fault) {
      this.#options.onFault(fault);
    }
    this.#twin?.close();
    this.#main.close();
    this.#options.onClose(error);
  }

  /** One message on the first socket. @throws PciError if there is no going on */
  #take(message: DataView, bytes: Uint8Array, size: number): void {
    const type = message.getUint32(at.flags, true) & TYPE;
    if (type > REPLY) throw protocolError(`a message of type ${type}`);
    const device = this.#device;
    if (device === undefined) this.#begin(message, bytes, size);
    else if (type === REPLY) this.#settle(device, message, bytes, size);
    else this.#answer(device, message, bytes, size);
  }

  #answer(device: ClientDevice, message: DataView, bytes: Uint8Array, size: number): void {
    const { socket } = this.#main;
    const descriptors = socket.fdCount === 0 ? noDescriptors : new Descriptors(socket.take());
    const command = message.getUint16(at.command, true);
    let reply: Uint8Array;
    let fds: readonly number[] | undefined;
    this.#held = [];
    try {
      if (command === commands.regionRead.number) reply = device.access.read(message, size);
      else if (command === commands.regionWrite.number) reply = device.access.write(message, bytes, size);
      else [reply, fds] = this.#do(device, message, bytes.subarray(protocol.header, size), descriptors);
    } catch (error) {
      reply = encodeError(message.getUint16(at.id, true), command, this.#numberOf(error));
    } finally {
      descriptors.close();
    }
    if ((message.getUint32(at.flags, true) & NO_REPLY) === 0) this.#main.send(reply, fds);
    this.#sendHeld();
  }

  /** Does a command that has a handler. @returns the whole reply, and what goes along */
  #do(
    device: ClientDevice,
    message: DataView,
    body: Uint8Array,
    descriptors: Descriptors,
  ): [reply: Uint8Array, fds: readonly number[] | undefined] {
    const command = message.getUint16(at.command, true);
    const handler = handlers.get(command);
    if (handler === undefined) throw unknownCommand(command);
    const answer = handler(device, body, descriptors);
    const payload = answer?.payload;
    const reply = new Uint8Array(protocol.header + (payload?.length ?? 0));
    writeHeader(reply, message.getUint16(at.id, true), command, reply.length, REPLY);
    if (payload !== undefined) reply.set(payload, protocol.header);
    return [reply, answer?.fds];
  }

  /** The first message: the version. @throws PciError after an answer, if nothing can be agreed on */
  #begin(message: DataView, bytes: Uint8Array, size: number): void {
    new Descriptors(this.#main.socket.take()).close();
    const id = message.getUint16(at.id, true);
    const command = message.getUint16(at.command, true);
    try {
      if (command !== commands.version.number) throw protocolError(`command ${command} before VERSION`);
      const version = decodeVersion(bytes.subarray(protocol.header, size));
      const minor = agreedMinor(version);
      const { capabilities } = version;
      const served = this.#options.serve();
      const twin = this.#openTwin(capabilities);
      try {
        const payload = encodeVersion(
          this.#offer(served, capabilities, twin !== undefined),
          minor,
          VERSION.major,
        );
        const reply = new Uint8Array(protocol.header + payload.length);
        writeHeader(reply, id, command, reply.length, REPLY);
        reply.set(payload, protocol.header);
        this.#device = new ClientDevice(served, this.#options.limits, capabilities, (request) =>
          this.#ask(request),
        );
        this.#main.send(reply, twin === undefined ? [] : [twin.fd]);
      } finally {
        twin?.close();
      }
      this.#options.onOpen(capabilities);
    } catch (error) {
      this.#main.send(encodeError(id, command, this.#numberOf(error)));
      throw error;
    }
  }

  /** What the server says of itself. */
  #offer({ fn }: Served, client: Capabilities, twin: boolean): Partial<Capabilities> {
    const { limits } = this.#options;
    return {
      maxMsgFds: limits.descriptors,
      maxDataXferSize: limits.dataTransfer,
      maxDmaMaps: Math.min(limits.dmaMaps, client.maxDmaMaps),
      pgsizes: protocol.page,
      writeMultiple: client.writeMultiple,
      ...(twin && { twinSocket: true, twinFdIndex: 0 }),
      ...(fn.migration !== undefined &&
        client.migration !== undefined && { migration: { ...client.migration, pgsize: protocol.page } }),
    };
  }

  /** @returns the client's end of a socket for DMA messages; undefined if it does not want one */
  #openTwin(client: Capabilities): FrameSocket | undefined {
    if (!this.#options.twinSocket || !client.twinSocket || client.maxMsgFds === 0) return undefined;
    const [ours, theirs] = FrameSocket.pair({ mostBytes: this.#mostBytes, mostFds: 0 }, true);
    this.#twin = new Channel(ours, (message, bytes, size) => {
      if ((message.getUint32(at.flags, true) & TYPE) !== REPLY)
        throw protocolError("a command on the twin socket");
      if (this.#device !== undefined) this.#settle(this.#device, message, bytes, size);
    });
    this.#options.onChannel(this.#twin);
    return theirs;
  }

  get #mostBytes(): number {
    return this.#options.limits.dataTransfer + protocol.message - protocol.dataTransfer;
  }

  /** Sends a DMA request, or holds it back until the message under way is answered. */
  #ask(request: DmaRequest): void {
    if (this.#held !== undefined) {
      this.#held.push(request);
      return;
    }
    const { id, access, iova, size, bytes } = request;
    const values = { address: iova, count: BigInt(size) };
    const message =
      access === "read" ? encodeRequest("dmaRead", id, values) : encodeRequest("dmaWrite", id, values, bytes);
    (this.#twin ?? this.#main).ask(message);
  }

  #sendHeld(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const request of held) this.#ask(request);
  }

  /** An answer to a DMA request. @throws PciError `ERR_PROTOCOL` for one that nobody asked for */
  #settle(device: ClientDevice, message: DataView, bytes: Uint8Array, size: number): void {
    const command = message.getUint16(at.command, true);
    const access = answers.get(command);
    if (access === undefined) throw protocolError(`an answer to command ${command}`);
    const id = message.getUint16(at.id, true);
    if ((message.getUint32(at.flags, true) & headerFlag.ERROR) !== 0) {
      const error = errorOf(message.getUint32(at.errno, true), `DMA ${access}`, "client");
      device.messages.settle(id, access, { error });
      return;
    }
    const name = access === "read" ? "dmaRead" : "dmaWrite";
    const { values, tail } = decodeReply(name, accessIn(bytes.subarray(protocol.header, size), access));
    device.messages.settle(id, access, { iova: values.address, count: values.count, bytes: tail.slice() });
  }

  /** The number to answer for what was thrown; what is no PciError is a fault of the model. */
  #numberOf(error: unknown): number {
    if (!isPciError(error)) this.#options.onFault(error);
    // To the client a message of the wrong shape is an argument of the wrong shape.
    return isPciError(error, "ERR_PROTOCOL") ? EINVAL : errnoOf(error);
  }
}

const answers = new Map<number, "read" | "write">([
  [commands.dmaRead.number, "read"],
  [commands.dmaWrite.number, "write"],
]);

/** Bytes of DMA_WRITE's answer in the specification, whose count has 32 bits there; all implementations have 64. */
const SHORT_WRITTEN = 12;

/** What follows the header of an answer, as implementations have it. */
function accessIn(body: Uint8Array, access: "read" | "write"): Uint8Array {
  if (access === "read" || body.length !== SHORT_WRITTEN) return body;
  const whole = new Uint8Array(SHORT_WRITTEN + 4);
  whole.set(body);
  return whole;
}

function unknownCommand(command: number): Error {
  if (command === commands.version.number) return refusal("EINVAL", "the version is agreed on already");
  return refusal("EOPNOTSUPP", `no command that a client sends has the number ${command}`);
}
