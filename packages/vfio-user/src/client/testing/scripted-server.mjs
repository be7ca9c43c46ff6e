// A vfio-user server for tests of the client: a small device, whose answers can be replaced one by one. It runs in a worker,
// where it blocks.
//
// `workerData.answers` has lists by command name, one element an occurrence; after the last, and for null, the device answers:
//   { errno }           refuses
//   { hex }             these bytes instead of an answer, which need be no message
//   { silent }          nothing
//   { close }           closes the connection
//   { ask, before }     sends these messages (hex), and takes the answers of those in `before` first
//   { first }           sends these messages (hex) before the device's answer, and does not wait for theirs
//   { fd: size }        the device's answer, with a memfd of that size
import { parentPort, workerData } from "node:worker_threads";
import { FrameListener, MemfdSource } from "@userpci/vfio-native/socket";
import {
  commandOf,
  commands,
  decodeMessage,
  encodeError,
  encodeRegionInfo,
  encodeReply,
  encodeVersion,
  structures,
} from "@userpci/vfio-user/protocol";

const { path, answers, capabilities, regions, irqs, stop } = workerData;
const seen = new Map();
const memory = new MemfdSource();
const bytes = new Map(Object.entries(regions).map(([index, region]) => [Number(index), regionBytes(region)]));
let file;

function regionBytes({ size, init = {} }) {
  const data = new Uint8Array(size);
  for (const [at, value] of Object.entries(init))
    new DataView(data.buffer).setUint32(Number(at), value, true);
  return data;
}

const view = (index) => bytes.get(index) ?? new Uint8Array(0);
const none = { values: {} };

/** What the device answers, by command. */
const device = {
  version: () => ({
    values: { major: 0, minor: 2 },
    tail: encodeVersion(capabilities).subarray(structures.version.size),
  }),
  deviceGetInfo: () => ({ values: { argsz: 16, flags: 3, num_regions: 9, num_irqs: 5 } }),
  regionGetInfo: ({ index, argsz }) => {
    const { size = 0, areas = [] } = regions[index] ?? {};
    const payload = encodeRegionInfo(
      { index, size: BigInt(size), readable: true, writable: true, offset: 0n, areas },
      argsz,
    );
    const values = structures.regionInfo.read(payload);
    const tail = payload.subarray(structures.regionInfo.size);
    const fds = tail.length > 0 ? [fileOf(size).fd] : [];
    return { values, tail, fds };
  },
  irqGetInfo: ({ index }) => ({ values: { argsz: 16, index, ...(irqs[index] ?? { flags: 0, count: 0 }) } }),
  regionRead: ({ region, offset, count }) => ({
    values: { region, offset, count },
    tail: view(region).slice(Number(offset), Number(offset) + count),
  }),
  regionWrite: ({ region, offset, count }, tail) => {
    view(region).set(tail, Number(offset));
    return { values: { region, offset, count } };
  },
  dmaUnmap: (values) => ({ values }),
  deviceFeature: (values, tail) => ({ values, tail }),
};

function fileOf(size) {
  file ??= memory.alloc(size);
  return file.file;
}

const fromHex = (hex) =>
  Uint8Array.from(hex.replaceAll(" ", "").match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

/** Waits for a message, or for the end of the test. */
function next(socket) {
  for (;;) {
    const size = socket.receive(20);
    if (size !== 0) return size;
    if (Atomics.load(stop, 0) !== 0) return -1;
  }
}

function log(socket, message) {
  const { header, name } = message;
  const body = Buffer.from(socket.bytes.subarray(16, header.size)).toString("hex");
  parentPort.postMessage({
    name,
    reply: header.reply,
    noReply: header.noReply,
    errno: header.errno,
    body,
    fds: socket.fdCount,
  });
}

/** Sends requests of the server's own, and takes the answers to them. */
function ask(socket, hex) {
  for (const each of hex) socket.send(fromHex(each), undefined, 1000);
  for (const _each of hex) {
    const size = next(socket);
    if (size > 0) log(socket, decodeMessage(socket.bytes.slice(0, size)));
  }
}

/** @returns whether the connection goes on */
function answer(socket, message) {
  const { header, name } = message;
  const nth = seen.get(name) ?? 0;
  seen.set(name, nth + 1);
  const other = answers[name]?.[nth] ?? {};
  if (other.close) return false;
  if (other.silent) return true;
  if (other.hex !== undefined) return socket.send(fromHex(other.hex), undefined, 1000) > 0;
  if (other.errno !== undefined) {
    return socket.send(encodeError(header.id, header.command, other.errno), undefined, 1000) > 0;
  }
  const { values, tail, fds = [] } = (device[name] ?? (() => none))(message.values, message.tail);
  if (header.noReply) return true;
  if (other.before) ask(socket, other.before);
  if (other.first) for (const each of other.first) socket.send(fromHex(each), undefined, 1000);
  if (other.fd) fds.push(memory.alloc(other.fd).file.fd);
  socket.send(encodeReply(name, header.id, values, tail), Int32Array.from(fds), 1000);
  if (other.ask) for (const each of other.ask) socket.send(fromHex(each), undefined, 1000);
  return true;
}

function serve(socket) {
  for (;;) {
    const size = next(socket);
    if (size < 0) return;
    const message = decodeMessage(socket.bytes.slice(0, size));
    log(socket, message);
    if (message.header.reply) continue;
    if (commandOf(message.header.command) === undefined || commands[message.name].from === "server") return;
    if (!answer(socket, message)) return;
  }
}

const listener = new FrameListener(path, { mostBytes: 2 ** 21, mostFds: 64 });
parentPort.postMessage("listening");
while (Atomics.load(stop, 0) === 0) {
  const socket = listener.accept();
  if (socket === undefined) {
    Atomics.wait(stop, 0, 0, 2);
    continue;
  }
  serve(socket);
  socket.close();
}
listener.close();
file?.close();
