/**
 * What a backend is made of whose devices answer as VFIO's do, by other means than the kernel's descriptors. For
 * `@userpci/vfio-user`: it may change in any release, and the API reference leaves it out.
 *
 * @packageDocumentation
 */
export { type DeviceCalls, nativeOver } from "./device-calls.ts";
export type { KernelBackend, KernelDevice } from "./kernel-device.ts";
export type { Admission, Entrance, KernelPath, OpenedDevice } from "./kernel-path.ts";
export type { Place } from "./lookup.ts";
export { VfioBackend } from "./vfio-backend.ts";
