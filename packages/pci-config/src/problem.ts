/** What can be wrong with a config space, by code. */
export const problemCodes = {
  absent: "the header reads all ones: there is no function, or it no longer answers",
  "header-type": "the header's layout is none of 0, 1 and 2",
  "short-region": "the region ends before the capabilities begin",
  "pointer-bits": "reserved low bits of a capability pointer are set",
  "pointer-range": "a capability pointer leads out of the area of capabilities",
  cycle: "a capability pointer leads back to a capability that was seen before",
  "dead-capability": "a pointer leads to a header that reads all ones or, in the extended area, all zeros",
  "unknown-id": "no table of this package has the capability's id",
  "impossible-length": "a capability tells a length that cannot be true",
  "past-end": "a capability does not end before its area does",
  overlap: "two capabilities claim the same byte",
  "bar-type": "a BAR's type bits hold a reserved value",
  "bar-pair": "a 64-bit BAR has no next register for its upper half",
  "msix-bar": "MSI-X names a BAR that does not exist",
  "bar-size": "a BAR has a size that its kind cannot have",
  "bar-address": "a BAR's address is not a multiple of its size",
  "bar-overlap": "two BARs of a kind decode the same addresses",
  "bar-below-1m": "a BAR asks for memory below 1 MiB, which PCI 3.0 took back",
  "reserved-bits": "bits of a register are set that the specification reserves",
  "extended-without-pcie": "there are extended capabilities, but none of the kinds that bring them",
} as const satisfies Record<string, string>;

/** A code of {@link problemCodes}. */
export type ProblemCode = keyof typeof problemCodes;

/** Something wrong with a config space. A problem is data: decoding goes on with what is left. */
export interface Problem {
  readonly code: ProblemCode;
  /** `error`: part of the space could not be decoded; `warning`: it could, but a device should not be like this. */
  readonly severity: "error" | "warning";
  /** Byte of the config space that shows it. */
  readonly offset: number;
  readonly message: string;
}

/** Receives problems as they are found. */
export type Report = (problem: Problem) => void;

const warnings: ReadonlySet<ProblemCode> = new Set([
  "pointer-bits",
  "unknown-id",
  "overlap",
  "bar-overlap",
  "bar-below-1m",
  "reserved-bits",
  "extended-without-pcie",
]);

/** Makes a problem; the code decides its severity. */
export function problem(code: ProblemCode, offset: number, message: string): Problem {
  return { code, severity: warnings.has(code) ? "warning" : "error", offset, message };
}

/** Drops problems. */
export function ignore(): void {}

/** A number as `0x` and hexadecimal digits. */
export function hex(value: number | bigint, digits = 2): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}
