/**
 * Run as a process: receives a domain, maps a page of its own into it, and does what its input says: `node receiver.js PATH`.
 * Answers each line with one line.
 */
import { createInterface } from "node:readline";
import { isPciError, toIova } from "@userpci/interface";
import { MemfdSource, receiveDomain } from "@userpci/vfio-native";
import { holdings } from "../harness/process.ts";

const PAGE = 4096;

const domain = await receiveDomain(process.argv[2]!, { timeoutMs: 20_000 });
const source = new MemfdSource();
const memory = source.alloc(PAGE);
const mapping = domain.mapSync(memory, { label: "of the receiver" });

/** What each line of input asks for. */
const answers = {
  iova: () => String(mapping.iova),
  bytes: () => Buffer.from(memory.buffer, 0, 256).toString("hex"),
  holdings: () => JSON.stringify(holdings()),
  unmap: () => {
    mapping.unmapSync();
    return "unmapped";
  },
  close: () => {
    domain.closeSync();
    return "closed";
  },
  /** Maps another page where the first was, or is. */
  again: () => {
    domain.mapSync(source.alloc(PAGE), { iova: mapping.iova });
    return "mapped";
  },
  /** Maps more than it may pin. */
  much: () => {
    using large = source.alloc(2 ** 21);
    domain.mapSync(large).unmapSync();
    return "mapped";
  },
  /** Maps where the other process may. */
  outside: () => {
    using page = source.alloc(PAGE);
    const { last } = domain.ranges.at(-1)!;
    domain.mapSync(page, { iova: toIova(last + 1n) }).unmapSync();
    return "mapped";
  },
  exit: () => process.exit(0),
} as const satisfies Record<string, () => string>;

/** A line that the process understands. */
export type Question = keyof typeof answers;

function answer(question: Question): string {
  try {
    return answers[question]();
  } catch (error) {
    if (isPciError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
}

for await (const line of createInterface(process.stdin)) console.log(answer(line as Question));
