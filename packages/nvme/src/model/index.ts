/**
 * A RAM disk controller as a device model.
 *
 * @packageDocumentation
 */
export { nvme } from "./nvme.ts";
export type { NvmeOptions } from "./options.ts";
