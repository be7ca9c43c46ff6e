/** 32 times V8's own, 66 KiB (`node --v8-options`). */
const INTERRUPT_BUDGET = 32 * 66 * 1024;

/** Flags by the version of V8: an unknown one would make it complain on standard error. */
const flagsOf: Readonly<Record<string, readonly string[]>> = {
  // Node 20.
  11: [`--interrupt-budget=${INTERRUPT_BUDGET}`],
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
