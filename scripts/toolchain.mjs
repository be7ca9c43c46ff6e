// What the native addon is compiled with. A newcomer's machine may have none of it.
import { CommandError, capture, onPath } from "./process.mjs";
import { step } from "./progress.mjs";

/** The commands node-gyp runs, and the package that brings each, by package manager. */
const tools = [
  { command: "g++", "apt-get": "g++", dnf: "gcc-c++", zypper: "gcc-c++", pacman: "gcc" },
  { command: "make", "apt-get": "make", dnf: "make", zypper: "make", pacman: "make" },
  { command: "python3", "apt-get": "python3", dnf: "python3", zypper: "python3", pacman: "python" },
];

const installers = /** @type {const} */ ([
  { name: "apt-get", command: "sudo apt-get update && sudo apt-get install -y" },
  { name: "dnf", command: "sudo dnf install -y" },
  { name: "zypper", command: "sudo zypper install -y" },
  { name: "pacman", command: "sudo pacman -S" },
]);

const missingTools = () => tools.filter((tool) => onPath(tool.command) === undefined);

/** Whether C++ can be compiled. */
export const hasToolchain = () => missingTools().length === 0;

/**
 * Makes sure that C++ can be compiled: installs what is missing when this is root on Debian or Ubuntu.
 * @throws {CommandError} naming the command that installs it, otherwise
 */
export async function ensureToolchain() {
  const missing = missingTools();
  if (missing.length === 0) return;
  const installer = installers.find(({ name }) => onPath(name) !== undefined);
  if (installer?.name === "apt-get" && process.getuid?.() === 0) {
    await aptInstall(missing.map((tool) => tool["apt-get"]));
    return;
  }
  const needed = `The native addon is compiled here and needs ${missing.map((tool) => tool.command).join(", ")}.`;
  if (installer === undefined) throw new CommandError(needed);
  const packages = missing.map((tool) => tool[installer.name]).join(" ");
  throw new CommandError(`${needed} Run:\n\n  ${installer.command} ${packages}\n`);
}

/** @param {string[]} packages */
async function aptInstall(packages) {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await step(`Installing ${packages.join(", ")} with apt-get`, async () => {
    await capture("apt-get", ["update"], { env });
    await capture("apt-get", ["install", "-y", "--no-install-recommends", ...packages], { env });
  });
}
