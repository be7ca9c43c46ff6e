import { progress } from "../vm/harness/suite.ts";

/** How many rounds a soak has in full. Without `USERPCI_SOAK=full` it has a two-hundredth of them. */
const FULL = 10_000;

/**
 * How often a whole soak maps and unmaps: what a driver that does so 115 times a second does in 24 hours. Without
 * `USERPCI_SOAK=full` a thousandth: in the machine, whose processor is emulated, one takes up to a millisecond.
 */
export const MAPPINGS = 10_000_000;

/** Set on the host for the guest, which does not see the host's environment. */
export const ROUNDS_VARIABLE = "USERPCI_SOAK_ROUNDS";

/** What the guest's environment needs, so that {@link rounds} says there what it says here. */
export function soakEnvironment(): Record<string, string> {
  return { [ROUNDS_VARIABLE]: String(rounds()) };
}

/**
 * How many rounds to do: `USERPCI_SOAK_ROUNDS` if it is set, all of them if `USERPCI_SOAK` is `full`.
 *
 * @throws Error if the variable is no whole number above 0
 */
export function rounds(): number {
  const given = process.env[ROUNDS_VARIABLE];
  if (given === undefined) return isFull() ? FULL : FULL / 200;
  const count = Number(given);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new Error(`${ROUNDS_VARIABLE} is "${given}", not a whole number of rounds above 0`);
}

/** Whether the soak is done in full. */
export function isFull(): boolean {
  return process.env["USERPCI_SOAK"] === "full";
}

/** How often to map and unmap. */
export function mappings(): number {
  return isFull() ? MAPPINGS : MAPPINGS / 1000;
}

/** Time for that many rounds, in milliseconds, on a slow and busy machine. */
export function soakTimeoutMs(msEach: number): number {
  return 120_000 + rounds() * msEach;
}

/**
 * Does rounds, and says now and then how far they are and how long one takes.
 *
 * @param total how many; default {@link rounds}
 */
export async function soak(
  what: string,
  round: (i: number) => Promise<void>,
  total = rounds(),
): Promise<void> {
  const step = Math.max(1, Math.floor(total / 20));
  const began = performance.now();
  for (let i = 0; i < total; i++) {
    await round(i);
    const done = i + 1;
    if (done % step !== 0 || total < 100) continue;
    progress(
      `soak: ${what}: ${done} of ${total}, ${((performance.now() - began) / done).toFixed(1)} ms each`,
    );
  }
  const each = (performance.now() - began) / total;
  progress(`soak: ${what}: ${total} rounds, ${each.toFixed(1)} ms each`);
}
