import { fileOn, type GeneratedFile, MARK } from "./generated-file.ts";
import type { Permission, PermittedNode } from "./permission.ts";

/** Read and write for owner and group, as the rule of udev has it. */
const MODE = 0o660;

/** `RLIM_INFINITY`, 2^64 - 1: past what a number of JavaScript holds, so it goes into the text as it is. */
const INFINITY = "18446744073709551615";
const PLACE = '"RLIM_INFINITY"';

/**
 * What a container's `config.json` needs: nodes, the cgroup's leave to open them, and the limit (OCI runtime specification, `config-linux.md` "Devices"
 * and "Device Access", `config.md` "POSIX process"). It names device numbers, which are this boot's.
 */
export function ociFragment(permission: Permission): GeneratedFile {
  const { nodes, memlock } = permission;
  const limit = memlock === "unlimited" ? "RLIM_INFINITY" : memlock;
  const owner = ownerOf(permission);
  const config = {
    process: {
      ...("gid" in owner && { user: { additionalGids: [owner.gid] } }),
      rlimits: [{ type: "RLIMIT_MEMLOCK", soft: limit, hard: limit }],
    },
    linux: {
      devices: nodes.map((node) => ({
        path: node.path,
        type: "c",
        ...numbers(node),
        fileMode: MODE,
        ...owner,
      })),
      resources: {
        devices: nodes.map((node) => ({ allow: true, type: "c", ...numbers(node), access: "rw" })),
      },
    },
  };
  const text = JSON.stringify(config, null, 2).replaceAll(PLACE, INFINITY);
  return {
    purpose: "permission",
    kind: "oci",
    path: null,
    mode: 0o644,
    text: `${text}\n`,
    after: null,
  };
}

/**
 * The function as a device of the Container Device Interface, which podman, Docker and containerd take by name:
 * `--device userpci/function=0000:01:00.0`. Numbers are the runtime's to look up; the names of nodes are this boot's. Memory limits are
 * not in CDI: `--ulimit memlock=…` beside it.
 */
export function cdiFile(permission: Permission): GeneratedFile {
  const { address, nodes } = permission;
  const owner = ownerOf(permission);
  const spec = {
    // Names that begin with a digit came with 0.5.0, annotations with 0.6.0, additional groups with 0.7.0 (SPEC.md, "Released versions").
    cdiVersion: "gid" in owner ? "0.7.0" : "0.6.0",
    kind: "userpci/function",
    annotations: { "userpci/about": `${MARK}. Undo: sudo userpci permit ${address} --remove` },
    devices: [
      {
        name: address,
        containerEdits: {
          deviceNodes: nodes.map(({ path }) => ({ path, permissions: "rw", fileMode: MODE, ...owner })),
          ...("gid" in owner && { additionalGids: [owner.gid] }),
        },
      },
    ],
  };
  return fileOn("cdi", permission, `${JSON.stringify(spec, null, 2)}\n`);
}

function numbers({ major, minor }: PermittedNode): { readonly major: number; readonly minor: number } {
  return { major, minor };
}

function ownerOf({ grantee }: Permission): { readonly uid: number } | { readonly gid: number } {
  return grantee.kind === "user" ? { uid: grantee.id } : { gid: grantee.id };
}
