import { checkInteger, PciError } from "@userpci/interface";
import { checkTreeOptions, mistaken } from "./options.ts";
import { pathIn, readText, type TreeOptions } from "./tree.ts";

/** An ordinary user of the system. */
export interface SystemUser {
  readonly uid: number;
  /** Name in `/etc/passwd`; the number as text for a user without an entry there. */
  readonly name: string;
}

const MAX_UID = 0xffff_fffe;

/**
 * A user by name or number.
 *
 * @param user a name of `/etc/passwd`, or a uid, also as text
 * @throws PciError `ERR_INVALID_ARGUMENT`; `ERR_OUT_OF_RANGE` for a number that no uid can be
 */
export function findUser(user: string | number, options: TreeOptions = {}): SystemUser {
  checkTreeOptions(options);
  checkUser(user);
  const text = String(user);
  const uid = /^\d+$/.test(text) ? Number(text) : null;
  const entries = accountsIn("/etc/passwd", options);
  const entry = entries.find(([name, , id]) => (uid === null ? name === text : Number(id) === uid));
  if (entry !== undefined) return { uid: Number(entry[2]), name: entry[0]! };
  if (uid !== null && uid <= MAX_UID) return { uid, name: text };
  if (uid !== null) {
    const hint = `give a name, or a number from 0 to ${MAX_UID}`;
    throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is no uid`, { hint });
  }
  throw new PciError("ERR_INVALID_ARGUMENT", `there is no user ${JSON.stringify(text)} in /etc/passwd`, {
    hint: /^[\w.][\w.@-]*$/.test(text)
      ? `for a user of a directory service give the number: --user "$(id -u ${text})"`
      : "give a name or a number; for a user of a directory service the number",
  });
}

/**
 * The fields of the lines of `/etc/passwd` or `/etc/group` that say who they are about. Lines without a number (`+` of NIS, damaged ones) are
 * nobody's, and not root's.
 */
export function accountsIn(path: string, options: TreeOptions): string[][] {
  const lines = (readText(pathIn(options, path)) ?? "").split("\n").map((line) => line.split(":"));
  return lines.filter(([name, , id]) => name !== "" && /^\d{1,10}$/.test(id ?? "") && Number(id) <= MAX_UID);
}

function checkUser(user: string | number): void {
  if (typeof user === "string") return;
  if (typeof user !== "number") throw mistaken("user", "a name or a uid", user, 'pass "alice", or 1000');
  checkInteger("user", user, 0, MAX_UID);
}
