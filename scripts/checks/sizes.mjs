// A file is one noun: when it grows past this many lines, it has become two. And nothing is left for later.
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { root } from "../workspace.mjs";
import { codeFiles } from "./source-files.mjs";

const longest = 350;

/** Tests hold tables and models as well. */
const longestTest = 500;

/** Words that mark work not done. Written apart, so that this file does not name itself. */
const unfinished = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X"].join("|")})\\b`);

const folders = ["packages", "tests", "benchmarks", "examples", "scripts"];

/**
 * @param {string} [top] the repository to look at
 * @returns {string[]} one line for each problem
 */
export function checkSizes(top = root) {
  const present = folders.map((folder) => join(top, folder)).filter((folder) => existsSync(folder));
  return present.flatMap(codeFiles).flatMap((file) => checkFile(file, top));
}

/** @param {string} file @param {string} top */
function checkFile(file, top) {
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  const name = relative(top, file);
  const limit = /\.test\.\w+$/.test(name) ? longestTest : longest;
  const marked = lines.findIndex((line) => unfinished.test(line));
  return [
    ...(lines.length > limit ? [`${name} has ${lines.length} lines, more than ${limit}`] : []),
    ...(marked >= 0 ? [`${name}:${marked + 1} is unfinished: ${lines[marked]?.trim()}`] : []),
  ];
}
