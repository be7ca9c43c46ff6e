import { regionIndex } from "@userpci/interface";
import {
  type CommandName,
  commands,
  encodeError,
  encodeReply,
  encodeRequest,
  encodeVersion,
} from "@userpci/vfio-user/protocol";
import type { Random } from "../../vm/harness/random.ts";
import { broken, oddMessage } from "./messages.ts";
import type { RogueAnswer } from "./rogue.ts";

const VERSION_FIELDS = 4;
/** Regions that are there, beside configuration space. */
const sized: readonly number[] = [regionIndex.bar0, regionIndex.bar1, regionIndex.rom];

/** The commands of a client that opens a device, in its order: the answers that let it go on. */
const opening: readonly (() => Uint8Array)[] = [
  () =>
    encodeReply(
      "version",
      0,
      { major: 0, minor: 2 },
      encodeVersion({ maxMsgFds: 8 }).subarray(VERSION_FIELDS),
    ),
  () => encodeReply("deviceGetInfo", 0, { argsz: 16, flags: 3, num_regions: 9, num_irqs: 5 }),
  ...Array.from({ length: 9 }, (_, index) => () => {
    const size = index === regionIndex.config ? 256n : sized.includes(index) ? 4096n : 0n;
    return encodeReply("regionGetInfo", 0, { argsz: 32, flags: 3, index, size });
  }),
];

const replies = (Object.keys(commands) as CommandName[]).filter((name) => commands[name].from === "client");

/** Answers of a server that is sound for a while, and then is not. */
export function oddAnswers(random: Random): RogueAnswer[] {
  const sound = random.number(opening.length + 6);
  return Array.from({ length: sound + 20 }, (_, at) => {
    const bytes = at < sound ? soundAnswer(at, random) : oddAnswer(random);
    return {
      bytes: Buffer.from(bytes).toString("hex"),
      echo: at < sound || !random.once(3),
      fds: random.once(6) ? random.pick([1, 2, 9, 40]) : 0,
      close: at >= sound && random.once(8),
    };
  });
}

function soundAnswer(at: number, random: Random): Uint8Array {
  const answer = opening[at];
  if (answer !== undefined) return answer();
  // The id and the command of what is asked are put in; a read of 4 bytes is what drivers do most.
  return encodeReply("regionRead", 0, { count: 4 }, Uint8Array.of(random.byte(), random.byte(), 0, 0));
}

function oddAnswer(random: Random): Uint8Array {
  const name = random.pick(replies);
  const tail = new Uint8Array(random.pick([0, 1, 4, 8, 4096, 70_000])).fill(random.byte());
  return random.pick([
    () => encodeReply(name, random.number(65_536), {}, tail),
    () =>
      encodeError(random.number(65_536), commands[name].number, random.pick([0, 1, 5, 22, 95, 0x7fff_ffff])),
    () => broken(encodeReply(name, random.number(65_536), {}, tail), random),
    () => broken(oddMessage(random), random),
    () =>
      encodeRequest("dmaRead", 1, {
        address: BigInt(random.number(2 ** 31)),
        count: BigInt(random.number(2 ** 31)),
      }),
    () => encodeRequest("dmaWrite", 1, { address: 0n, count: BigInt(tail.length) }, tail),
    () => new Uint8Array(0),
    () => Uint8Array.from({ length: random.number(64) }, () => random.byte()),
  ])();
}
