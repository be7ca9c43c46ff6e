import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { badArchive, type TarEntry } from "./tar-format.ts";

/** Longest chain of links that is followed, as in Linux (`MAXSYMLINKS` of `linux/namei.h`). */
const MAX_LINKS = 40;
/** Bits of a mode that are kept; the owner can always read. */
const READABLE = 0o400;

/** An entry in its place. */
type Node = Folder | TarEntry;
type Folder = Map<string, Node>;

/**
 * Writes the entries of an archive below a directory, and nothing beside it: names go down only, nothing is written through a
 * link, and no link leads out. Links are made last.
 *
 * @param directory an empty one that nobody else can write
 * @throws PciError `ERR_INVALID_ARGUMENT` for an archive that would leave the directory, before anything is written; the system's error if the disk is full
 */
export function unpackTree(entries: readonly TarEntry[], directory: string): void {
  const tree = treeOf(entries);
  const links: [path: string, target: string][] = [];
  const write = (folder: Folder, path: string): void => {
    for (const [name, node] of folder) {
      const place = join(path, name);
      if (node instanceof Map) {
        mkdirSync(place, { mode: 0o700 });
        write(node, place);
      } else if (node.kind === "link") links.push([place, node.target]);
      else {
        writeFileSync(place, node.content, { flag: "wx", mode: 0o600 });
        chmodSync(place, (node.mode | READABLE) & 0o777);
      }
    }
  };
  write(tree, directory);
  for (const [path, target] of links) symlinkSync(target, path);
}

/** The entries as a tree, with every link looked at. */
function treeOf(entries: readonly TarEntry[]): Folder {
  const root: Folder = new Map();
  for (const entry of entries) put(root, entry);
  for (const { path, kind } of entries) {
    if (kind === "link") checkLink(root, path.split("/"));
  }
  return root;
}

function put(root: Folder, entry: TarEntry): void {
  // The directory itself.
  if (entry.kind === "directory" && /^\.?$/.test(entry.path)) return;
  const names = entry.path.split("/");
  if (names.some((name) => name === "" || name === "." || name === "..")) {
    throw badArchive(`has a path that does not go down: ${JSON.stringify(entry.path)}`);
  }
  const last = names.pop()!;
  let folder = root;
  for (const name of names) folder = folderIn(folder, name, entry.path);
  if (entry.kind === "directory") folderIn(folder, last, entry.path);
  else if (folder.has(last)) throw badArchive(`has ${JSON.stringify(entry.path)} twice`);
  else folder.set(last, entry);
}

function folderIn(parent: Folder, name: string, path: string): Folder {
  const known = parent.get(name);
  if (known instanceof Map) return known;
  if (known !== undefined) {
    throw badArchive(
      `has ${JSON.stringify(path)} below ${JSON.stringify(known.path)}, which is a ${known.kind}`,
    );
  }
  const made: Folder = new Map();
  parent.set(name, made);
  return made;
}

/**
 * Walks to where a link leads, as the kernel does it. What is not there ends the walk, there as here.
 *
 * @throws PciError if it leads out of the tree
 */
function checkLink(root: Folder, path: readonly string[]): void {
  const folders: Folder[] = [root];
  const rest = [...path];
  let followed = 0;
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (folders.length === 1) throw leadsOut(path);
      folders.pop();
      continue;
    }
    const node = folders.at(-1)!.get(name);
    if (node instanceof Map) folders.push(node);
    else if (node?.kind !== "link") return;
    else {
      if (node.target.startsWith("/")) throw leadsOut(path);
      followed += 1;
      // A circle: the kernel gives up as well.
      if (followed > MAX_LINKS) return;
      rest.unshift(...node.target.split("/"));
    }
  }
}

function leadsOut(path: readonly string[]): Error {
  const hint = "links in a copy of a machine are relative, and stay in it: use what `userpci snapshot` makes";
  return badArchive(`has the link ${JSON.stringify(path.join("/"))}, which leads out of it`, hint);
}
