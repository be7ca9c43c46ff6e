/** One member of an archive. Paths have no leading slash; parents must come first. */
export interface CpioEntry {
  readonly path: string;
  /** File type and permission bits, as in `st_mode` (for example `0o100755` or {@link DIRECTORY}). */
  readonly mode: number;
  /** File content, or the target of a symbolic link. Empty for a directory. */
  readonly data?: Uint8Array | string;
}

/** `st_mode` of an ordinary directory. */
export const DIRECTORY = 0o040755;
/** `st_mode` of a readable file. */
export const FILE = 0o100644;
/** `st_mode` of an executable file. */
export const EXECUTABLE = 0o100755;

const TRAILER = "TRAILER!!!";
const HEADER_BYTES = 110;

/**
 * An archive in the "newc" format that the kernel unpacks as its initial root file system. Owner is root, times are zero, so that
 * equal input gives equal bytes. Archives may be concatenated.
 *
 * Source: Documentation/driver-api/early-userspace/buffer-format.rst of the Linux kernel.
 */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  entries.forEach((entry, index) => {
    parts.push(...member(entry, index + 1));
  });
  parts.push(...member({ path: TRAILER, mode: 0 }, 0));
  return Buffer.concat(parts);
}

function member(entry: CpioEntry, inode: number): Buffer[] {
  const name = Buffer.from(`${entry.path}\0`);
  const data = Buffer.from(entry.data ?? "");
  const links = (entry.mode & 0o170000) === 0o040000 ? 2 : 1;
  // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
  const fields = [inode, entry.mode, 0, 0, links, 0, data.length, 0, 0, 0, 0, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
  return [Buffer.from(header), name, padding(HEADER_BYTES + name.length), data, padding(data.length)];
}

function padding(length: number): Buffer {
  return Buffer.alloc(-length & 3);
}
