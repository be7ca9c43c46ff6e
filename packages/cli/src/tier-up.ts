/** How many times later than by default. */
const LATER = 32;

/** Defaults of V8 by its version, in Node 20, 22, 24 and 26 (`node --v8-options`). Of the counts, only one differs. */
const defaultsOf: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  11: { "interrupt-budget": 66 * 1024 },
  12: countsWith(800),
  13: countsWith(500),
  14: countsWith(500),
};

function countsWith(osr: number): Readonly<Record<string, number>> {
  return {
    "invocation-count-for-maglev": 400,
    "invocation-count-for-maglev-osr": 100,
    "invocation-count-for-turbofan": 3000,
    "invocation-count-for-osr": osr,
  };
}

/**
 * Has V8 optimize later than it does, for a process that is over in tens of milliseconds: a third of the time goes into code
 * that does not pay for itself. Does nothing on a version of V8 whose flags are not known: an unknown one would make it
 * complain on standard error.
 */
export function expectShortRun(): void {
  const [major = ""] = process.versions.v8.split(".");
  if (!Object.hasOwn(defaultsOf, major)) return;
  // Loaded only here: it brings all of Node's streams.
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  for (const [flag, count] of Object.entries(defaultsOf[major]!)) {
    setFlagsFromString(`--${flag}=${LATER * count}`);
  }
}
