import { type CommandName, commands, encodeRequest, encodeVersion } from "@userpci/vfio-user/protocol";
import type { Random } from "../../vm/harness/random.ts";

/** Numbers that break things. */
const edges: readonly bigint[] = [
  0n,
  1n,
  2n,
  4n,
  7n,
  8n,
  9n,
  16n,
  0x40n,
  0xfffn,
  0x1000n,
  0x3fffn,
  0x4000n,
  0x10000n,
  0xfffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xfffffffffffff000n,
  0xffffffffffffffffn,
];

const HEADER = 16;
/** Major and minor, before the JSON. */
const VERSION_FIELDS = 4;
/** VERSION comes once: the others are what a session is made of. */
const names = (Object.keys(commands) as CommandName[]).filter((name) => name !== "version");

/** The first message of a client that behaves. */
export function versionMessage(id = 1): Uint8Array {
  return encodeRequest(
    "version",
    id,
    { major: 0, minor: 2 },
    encodeVersion({ maxMsgFds: 16 }).subarray(VERSION_FIELDS),
  );
}

/** A command with fields that are edges, now and then followed by data. */
export function oddMessage(random: Random): Uint8Array {
  const name = random.pick(names);
  const { struct } = commands[name].request;
  const tail = new Uint8Array(random.pick([0, 0, 0, 1, 4, 8, 64, 4096, 70_000])).fill(random.byte());
  const bytes = encodeRequest(name, random.number(65_536), {}, tail, random.once(4));
  const view = new DataView(bytes.buffer);
  const end = HEADER + (struct?.size ?? 0);
  for (let at = HEADER; at + 4 <= end; at += 4) {
    const edge = random.once(3) ? BigInt(random.number(64)) : random.pick(edges);
    view.setUint32(at, Number(edge & 0xffff_ffffn), true);
  }
  // What begins a structure with its own size is looked at further only if that is right.
  if (random.once(2) && end > HEADER) view.setUint32(HEADER, end - HEADER, true);
  return bytes;
}

/** A register access or DMA map as a client that behaves makes it. */
export function soundMessage(random: Random): Uint8Array {
  const id = random.number(65_536);
  const offset = BigInt(4 * random.number(1024));
  const data = Uint8Array.of(random.byte(), random.byte(), random.byte(), random.byte());
  return random.pick([
    () => encodeRequest("regionRead", id, { offset, region: random.pick([0, 1, 4, 7]), count: 4 }),
    () =>
      encodeRequest(
        "regionWrite",
        id,
        { offset, region: random.pick([0, 1]), count: 4 },
        data,
        random.once(2),
      ),
    () =>
      encodeRequest("dmaMap", id, { argsz: 32, flags: 3, offset: 0n, address: offset * 1024n, size: 4096n }),
    () => encodeRequest("dmaUnmap", id, { argsz: 24, flags: 0, address: offset * 1024n, size: 4096n }),
    () => encodeRequest("deviceReset", id, {}),
    () => encodeRequest("setIrqs", id, { argsz: 20, flags: 0x21, index: 2, start: 0, count: 0 }),
  ])();
}

/** Breaks a message: its header, its length, any of its bytes. */
export function broken(message: Uint8Array, random: Random): Uint8Array {
  const bytes = Uint8Array.from(message);
  const view = new DataView(bytes.buffer);
  const way = random.number(6);
  if (way === 0) return bytes.subarray(0, random.number(bytes.length));
  if (way === 1) view.setUint32(4, Number(random.pick(edges) & 0xffff_ffffn), true);
  else if (way === 2) view.setUint16(2, random.number(65_536), true);
  else if (way === 3) view.setUint32(8, Number(random.pick(edges) & 0xffff_ffffn), true);
  else if (way === 4)
    for (let i = random.number(8); i >= 0; i--) bytes[random.number(bytes.length)] = random.byte();
  else return Uint8Array.from({ length: random.number(300) }, () => random.byte());
  return bytes;
}
