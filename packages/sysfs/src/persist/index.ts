export {
  type FileKind,
  type FilePurpose,
  fileKinds,
  type GeneratedFile,
  type NamedFunction,
} from "./generated-file.ts";
export type { Grantee } from "./grantee.ts";
export type { InitramfsTool } from "./initramfs.ts";
export { type FileChange, type FileContent, type InstalledFile, persistentFunctions } from "./install.ts";
export { DEFAULT_MEMLOCK, type Memlock, memlockText, parseMemlock } from "./memlock.ts";
export {
  describePermission,
  type Permission,
  type PermissionOptions,
  type PermittedNode,
  permissionFiles,
} from "./permission.ts";
export { type PermissionRecord, readPermissions } from "./permission-rule.ts";
export { bindingFiles, describeBinding, type PersistentBinding } from "./persistent-binding.ts";
export {
  type Permit,
  type PermitOptions,
  type PersistentSetup,
  type PersistOptions,
  permit,
  persist,
  planPermit,
  planPersist,
  planUnpermit,
  planUnpersist,
  type Setup,
  unpermit,
  unpersist,
  withoutNodes,
} from "./setup.ts";
