import type { ActiveTier } from "./natives.ts";

/** One of the ways in which V8 may run an accessor. */
export interface Tier {
  readonly name: string;
  /** V8's flags that force it. */
  readonly flags: readonly string[];
  /** What the pattern's function must run in. */
  readonly active: ActiveTier;
  /** `never` runs each pattern once, with a fresh copy of the class that has no feedback yet. */
  readonly warmUp: "never" | "before";
  /** Whether the accessor is part of the pattern's code or has code of its own in the same tier. */
  readonly accessor: "inlined" | "called";
}

const interpreterOnly = ["--no-turbofan", "--no-maglev", "--no-sparkplug"];
/** Nothing is compiled but at the moment that the test asks for it. */
const synchronously = "--no-concurrent-recompilation";

export const tiers: readonly Tier[] = [
  {
    name: "the interpreter at the first call",
    flags: interpreterOnly,
    active: "Ignition",
    warmUp: "never",
    accessor: "called",
  },
  {
    name: "the interpreter",
    flags: interpreterOnly,
    active: "Ignition",
    warmUp: "before",
    accessor: "called",
  },
  {
    name: "the baseline compiler",
    flags: ["--always-sparkplug", "--no-turbofan", "--no-maglev"],
    active: "Sparkplug",
    warmUp: "before",
    accessor: "called",
  },
  // Whether it inlines an accessor of this size differs between versions.
  {
    name: "Maglev",
    flags: ["--maglev", "--no-turbofan", synchronously],
    active: "Maglev",
    warmUp: "before",
    accessor: "called",
  },
  {
    name: "Maglev, accessor called",
    flags: ["--maglev", "--no-turbofan", "--no-maglev-inlining", synchronously],
    active: "Maglev",
    warmUp: "before",
    accessor: "called",
  },
  {
    name: "TurboFan, accessor inlined",
    flags: ["--no-maglev", "--trace-turbo-inlining", synchronously],
    active: "Turbofan",
    warmUp: "before",
    accessor: "inlined",
  },
  {
    name: "TurboFan, accessor called",
    flags: ["--no-maglev", "--no-turbo-inlining", synchronously],
    active: "Turbofan",
    warmUp: "before",
    accessor: "called",
  },
];
