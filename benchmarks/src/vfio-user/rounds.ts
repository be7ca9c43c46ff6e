import type { Round } from "../bench.ts";

/** Does a round for each byte on standard input and prints its figure, as the programs of `c/` do, until the input ends. */
export async function answerRounds(round: Round): Promise<void> {
  for await (const byte of process.stdin as AsyncIterable<Buffer>) {
    for (const _asked of byte) process.stdout.write(`${(await round()).toFixed(4)}\n`);
  }
}
