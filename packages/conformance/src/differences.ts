import type { SubjectPart } from "./subject.ts";

/** Something that one backend answers otherwise than the contract's usual way, for a reason that it cannot help. */
export interface Difference {
  /** Name of the backend. */
  readonly backend: string;
  /** What was observed, by the name that the suite has for it. */
  readonly what: string;
  /** What this backend gives: `ok`, an error's code, or a value. */
  readonly outcome: string;
  /** Why it cannot be otherwise. */
  readonly reason: string;
  /** What the subject must have for a test to meet it; one that lacks this need not. Default: nothing that it may lack. */
  readonly needs?: SubjectPart;
}

/**
 * All differences between backends that the suite accepts. The list is closed: what is not in it fails, and so does a row
 * that is no longer true.
 */
export const differences: readonly Difference[] = [
  {
    backend: "vfio-cdev",
    what: "the IOMMU counts mappings",
    outcome: "false",
    reason:
      "type1 counts mappings against dma_entry_limit (65535 by default); an IOAS of iommufd has no such limit",
  },
  ...bothForms({
    backend: "vfio-cdev",
    what: "a group whose devices are closed, in another domain",
    outcome: "ok",
    needs: "pair",
    reason:
      "a container keeps its groups until it closes, because the last to leave would drop every mapping; an IOAS keeps its mappings without a device, so a group is free when its devices are closed",
  }),
  ...["hotResetInfo()", "hotResetSync()", "hotReset()"].flatMap((call) =>
    ["open", "wanted back"].map((state) => ({
      backend: "vfio-user",
      what: `${call}, ${state}`,
      outcome: "ERR_NOT_SUPPORTED",
      reason: "the protocol resets a function, and knows no bus",
      ...(state === "wanted back" && { needs: "unplug" as const }),
    })),
  ),
  ...["resetSync()", "reset()"].map((call) => ({
    backend: "vfio-user",
    what: `${call}, wanted back`,
    outcome: "ok",
    reason:
      "the kernel holds the function's lock while it waits for its user; a server that asks for its function back goes on serving",
    needs: "unplug" as const,
  })),
];

/** A difference that a call and its synchronous form share. */
function bothForms(row: Difference): Difference[] {
  return [row, { ...row, what: `${row.what}, sync` }];
}
