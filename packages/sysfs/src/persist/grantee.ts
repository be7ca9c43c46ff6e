import { checkInteger, PciError } from "@userpci/interface";
import { mistaken } from "../options.ts";
import type { TreeOptions } from "../tree.ts";
import { accountsIn, findUser } from "../user.ts";

/** Who may use a function: a user, or the members of a group. */
export interface Grantee {
  readonly kind: "user" | "group";
  /** uid or gid. */
  readonly id: number;
  /** Name in `/etc/passwd` or `/etc/group`; the number as text without an entry there. */
  readonly name: string;
}

const MAX_ID = 0xffff_fffe;

/**
 * A user or a group by name or number.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for both or none of them, and for a name that is not in `/etc/passwd` or
 * `/etc/group`; `ERR_OUT_OF_RANGE` for a number that no id can be
 */
export function findGrantee(
  { user, group }: { readonly user?: string | number; readonly group?: string | number },
  options: TreeOptions,
): Grantee {
  if (user !== undefined && group === undefined) {
    const { uid, name } = findUser(user, options);
    return { kind: "user", id: uid, name };
  }
  if (group !== undefined && user === undefined) return findGroup(group, options);
  throw new PciError("ERR_INVALID_ARGUMENT", "the function is to be opened up to one user or one group", {
    hint: "give a user or a group, and not both: --user alice, or --group vfio",
  });
}

function findGroup(group: string | number, options: TreeOptions): Grantee {
  if (typeof group === "number") checkInteger("group", group, 0, MAX_ID);
  else if (typeof group !== "string")
    throw mistaken("group", "a name or a gid", group, 'pass "vfio", or 107');
  const text = String(group);
  const id = /^\d+$/.test(text) ? Number(text) : null;
  const entries = accountsIn("/etc/group", options);
  const entry = entries.find(([name, , gid]) => (id === null ? name === text : Number(gid) === id));
  if (entry !== undefined) return { kind: "group", id: Number(entry[2]), name: entry[0]! };
  if (id !== null && id <= MAX_ID) return { kind: "group", id, name: text };
  throw new PciError("ERR_INVALID_ARGUMENT", `there is no group ${JSON.stringify(text)} in /etc/group`, {
    hint: /^[a-z_][a-z0-9_-]{0,31}$/.test(text)
      ? `sudo groupadd --system ${text}`
      : "give the name of a group, or its number",
  });
}

/**
 * A name that rules and limits can say as it is; else the number, which they take as well. Names of a directory service are not known yet when udev
 * starts, and so are numbers already.
 */
export function plainName({ name, id }: Grantee): string {
  return /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name) ? name : String(id);
}
