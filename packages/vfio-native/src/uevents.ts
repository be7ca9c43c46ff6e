/**
 * The kernel's messages about devices, as bytes: for `watchUevents` of `@userpci/sysfs`.
 *
 * @packageDocumentation
 */
import { loadNative } from "./native.ts";
import { NetlinkUevents, type OpenUevents } from "./netlink-uevents.ts";

export type { OpenUevents } from "./netlink-uevents.ts";

/**
 * Begins to keep the kernel's uevents for this process, from this call on. Any user may; in a container they are those of its
 * network namespace.
 *
 * @throws PciError `ERR_NATIVE_UNAVAILABLE`, or with the system's code
 */
export function openUevents(): OpenUevents {
  return new NetlinkUevents(loadNative());
}
