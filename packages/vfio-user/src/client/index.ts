/**
 * The backend on functions that are served over vfio-user sockets.
 *
 * @packageDocumentation
 */
export { type Served, type VfioUserBackend, vfioUser } from "./backend.ts";
export type { RegisterWrite } from "./multi-write.ts";
export type { ClientOptions } from "./options.ts";
