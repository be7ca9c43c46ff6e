/**
 * Snapshots of a machine: a tar archive of what its kernel says of PCI devices, to be looked at elsewhere.
 *
 * @packageDocumentation
 */
export { readManifest, type SnapshotManifest, type SnapshotNode } from "./manifest.ts";
export {
  makeSnapshot,
  type OpenSnapshot,
  openSnapshot,
  type Snapshot,
  type SnapshotOptions,
  writeSnapshot,
} from "./snapshot.ts";
