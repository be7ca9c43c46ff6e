/** How many times later than by default (`node --v8-options`). */
const LATER = 32;

const budget = [`--interrupt-budget=${LATER * 66 * 1024}`];

const counts = [
  `--invocation-count-for-maglev=${LATER * 400}`,
  `--invocation-count-for-maglev-osr=${LATER * 100}`,
  `--invocation-count-for-turbofan=${LATER * 3000}`,
  `--invocation-count-for-osr=${LATER * 500}`,
];

/** Flags by the version of V8, of Node 20, 22, 24 and 26: an unknown one would make it complain on standard error. */
const flagsOf: Readonly<Record<string, readonly string[]>> = {
  11: budget,
  12: counts,
  13: counts,
  14: counts,
};

/**
 * Has V8 optimize later than it does, for a process that is over in tens of milliseconds: a third of the time goes into code
 * that does not pay for itself.
 */
export function expectShortRun(): void {
  const [major = ""] = process.versions.v8.split(".");
  const flags = Object.hasOwn(flagsOf, major) ? flagsOf[major]! : [];
  if (flags.length === 0) return;
  // Loaded only here: it brings all of Node's streams.
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  for (const flag of flags) setFlagsFromString(flag);
}
