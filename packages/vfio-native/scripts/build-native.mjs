// Builds the native addon into prebuilds/, where node-gyp-build finds it. Does nothing when nothing has changed.
//
//   node scripts/build-native.mjs [--force]
//
// There is no install script and no binding.gyp at the package root: package managers would run node-gyp on the
// user's machine, or refuse to.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const native = join(root, "native");
// Sources are copied and built in a folder of this process's own: several builds may run at once.
const work = join(native, "build", String(process.pid));
const built = join(work, "build", "Release", "vfio_native.node");
const target = join(root, "prebuilds", `linux-${process.arch}`);
// By the same sign as node-gyp-build.
const libc = existsSync("/etc/alpine-release") ? "musl" : "glibc";
const addon = join(target, `vfio-native.napi.${libc}.node`);
const stamp = join(target, "inputs.sha256");
const require = createRequire(import.meta.url);

/** `e_machine` of the ELF header (System V ABI) for each architecture that Node and VFIO both know. */
const machines = { x64: 62, arm64: 183, riscv64: 243, loong64: 258 };

/** What has to be on PATH, and the Debian package that brings it. */
const tools = { [process.env.CXX || "g++"]: "g++", make: "make", python3: "python3", strip: "binutils" };

function fail(message) {
  console.error(`vfio-native: ${message}`);
  process.exit(1);
}

function onPath(command) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function sources() {
  return readdirSync(native).filter((name) => /\.(cc|h|gyp)$/.test(name));
}

/** A digest of everything the addon is made from. */
function inputs() {
  const hash = createHash("sha256");
  const files = [...sources().map((name) => join(native, name)), fileURLToPath(import.meta.url)];
  for (const file of files) hash.update(file.slice(root.length)).update("\0").update(readFileSync(file));
  for (const name of ["node-addon-api", "node-gyp"]) hash.update(require(`${name}/package.json`).version);
  return hash.update(process.arch).digest("hex");
}

function isCurrent(digest) {
  return existsSync(addon) && existsSync(stamp) && readFileSync(stamp, "utf8").trim() === digest;
}

function requireTools() {
  const missing = Object.keys(tools).filter((command) => !onPath(command));
  if (missing.length === 0) return;
  const packages = missing.map((command) => tools[command]).join(" ");
  fail(`${missing.join(", ")} not found on PATH; on Debian or Ubuntu: sudo apt-get install -y ${packages}`);
}

/** The headers of the running Node, when they are beside it; node-gyp downloads them otherwise. */
function headers() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, "include", "node", "node_api.h")) ? [`--nodedir=${prefix}`] : [];
}

function run(command, args, what) {
  const result = spawnSync(command, args, {
    cwd: work,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (result.status === 0) return;
  console.error(result.stdout ?? "", result.stderr ?? "");
  fail(`${what} failed${result.error ? `: ${result.error.message}` : ` with status ${result.status}`}`);
}

/** A compiler set up for another architecture makes a file that only fails at the user's. */
function checkArchitecture(file) {
  const header = readFileSync(file).subarray(0, 20);
  const machine = header.toString("latin1", 1, 4) === "ELF" ? header.readUInt16LE(18) : undefined;
  if (machine !== machines[process.arch]) {
    fail(
      `the compiler made a file for ELF machine ${machine}, and ${process.arch} is ${machines[process.arch]}`,
    );
  }
}

function build(digest) {
  requireTools();
  mkdirSync(work, { recursive: true });
  process.on("exit", () => rmSync(work, { recursive: true, force: true }));
  for (const name of sources()) copyFileSync(join(native, name), join(work, name));
  const gyp = require.resolve("node-gyp/bin/node-gyp.js");
  run(process.execPath, [gyp, "rebuild", "--release", "--jobs=max", ...headers()], "node-gyp");
  checkArchitecture(built);
  run("strip", ["--strip-unneeded", built], "strip");
  mkdirSync(target, { recursive: true });
  // A rename, so that processes which have the old file loaded keep it, and nobody sees half of the new one.
  renameSync(built, addon);
  writeFileSync(stamp, `${digest}\n`);
}

if (process.platform !== "linux") {
  console.log(`vfio-native: VFIO is Linux's, nothing to build on ${process.platform}`);
} else if (machines[process.arch] === undefined) {
  console.log(`vfio-native: nothing to build for ${process.arch}`);
} else {
  const digest = inputs();
  if (!process.argv.includes("--force") && isCurrent(digest)) {
    console.log("vfio-native: addon is up to date");
  } else if (process.env["USERPCI_WITHOUT_ADDON"]) {
    console.log("vfio-native: no compiler, so no addon: only emulated devices can be used");
  } else {
    build(digest);
    console.log(`vfio-native: built ${addon.slice(root.length)}`);
  }
}
