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
  { name: "apt-get", install: "apt-get install -y" },
  { name: "dnf", install: "dnf install -y" },
  { name: "zypper", install: "zypper install -y" },
  { name: "pacman", install: "pacman -S --noconfirm" },
]);

/**
 * Makes sure that C++ can be compiled: installs what is missing when this is root on Debian or Ubuntu.
 * @throws {CommandError} naming the command that installs it, otherwise
 */
export async function ensureToolchain() {
  const missing = tools.filter((tool) => onPath(tool.command) === undefined);
  if (missing.length === 0) return;
  const installer = installers.find(({ name }) => onPath(name) !== undefined);
  if (installer?.name === "apt-get" && process.getuid?.() === 0) {
    await aptInstall(missing.map((tool) => tool["apt-get"]));
    return;
  }
  const names = missing.map((tool) => tool.command).join(", ");
  throw new CommandError(
    installer === undefined
      ? `The native addon is compiled here, and these commands are not installed: ${names}.`
      : `The native addon is compiled here, and ${names} not installed. Run:\n\n` +
          `  sudo ${installer.install} ${missing.map((tool) => tool[installer.name]).join(" ")}\n`,
  );
}

/** @param {string[]} packages */
async function aptInstall(packages) {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await step(`Installing ${packages.join(", ")} with apt-get`, async () => {
    await capture("apt-get", ["update"], { env });
    await capture("apt-get", ["install", "-y", "--no-install-recommends", ...packages], { env });
  });
}
