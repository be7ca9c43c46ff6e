/** Numeric identity of a command. */
export interface Ids {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** One line of a password file. */
export interface PasswdEntry extends Ids {
  readonly name: string;
}

/** Parses the text of `/etc/passwd`. */
export function parsePasswd(text: string): PasswdEntry[] {
  const entries: PasswdEntry[] = [];
  for (const line of text.split("\n")) {
    const [name, , uid, gid, , home] = line.split(":");
    if (name && uid && gid) entries.push({ name, uid: Number(uid), gid: Number(gid), home: home ?? "/" });
  }
  return entries;
}

/**
 * The ids of `uid`, `name`, `uid:gid` or `name:gid`. Without a group it is the user's own, and for a uid that has no entry the number of the uid.
 * @throws Error when a name is unknown or a number is not one.
 */
export function resolveUser(spec: string, entries: readonly PasswdEntry[]): Ids {
  const [user = "", group] = spec.split(":", 2);
  const numeric = /^\d+$/.test(user);
  const entry = entries.find((candidate) =>
    numeric ? candidate.uid === Number(user) : candidate.name === user,
  );
  if (!entry && !numeric) throw new Error(`there is no user ${JSON.stringify(user)} in /etc/passwd`);
  if (group !== undefined && !/^\d+$/.test(group))
    throw new Error(`the group in ${JSON.stringify(spec)} must be a number`);
  const uid = entry?.uid ?? Number(user);
  const gid = group === undefined ? (entry?.gid ?? uid) : Number(group);
  return { uid, gid, home: entry?.home ?? "/" };
}
