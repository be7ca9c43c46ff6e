/** V8's tiers, as its `%ActiveTierIs…` functions name them. */
export type ActiveTier = "Ignition" | "Sparkplug" | "Maglev" | "Turbofan";

type AnyFunction = (...args: never[]) => unknown;

const tierNames: readonly ActiveTier[] = ["Ignition", "Sparkplug", "Maglev", "Turbofan"];

/** One of V8's test functions, which need `--allow-natives-syntax` and no parser of ours knows. */
function native<R>(name: string): (target: AnyFunction) => R {
  return new Function("target", `return %${name}(target)`) as (target: AnyFunction) => R;
}

/** Keeps the feedback that optimising needs. */
export const prepare = native<void>("PrepareFunctionForOptimization");

/** Compiles a function at its next call, synchronously. */
export const optimizeOnNextCall = {
  Maglev: native<void>("OptimizeMaglevOnNextCall"),
  Turbofan: native<void>("OptimizeFunctionOnNextCall"),
} as const;

/** Whether this V8 was built with Maglev and has it switched on. */
export function hasMaglev(): boolean {
  return (new Function("return %IsMaglevEnabled()") as () => boolean)();
}

/** The code that the next call of a function runs. V8 compiles a function when it is first called. */
export function activeTier(target: AnyFunction): ActiveTier | "none" {
  return tierNames.find((name) => native<boolean>(`ActiveTierIs${name}`)(target)) ?? "none";
}
