// The session that the README shows, typed into a shell of a machine: by an ordinary user, who has sudo, and by root.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Vm } from "@userpci/testbed";
import { testVm } from "@userpci/testbed/vitest";
import { beforeAll, describe, expect, it } from "vitest";
import { expectSchema } from "../src/testing/schema.ts";
import { difference, readSession, type Step } from "./session.ts";

const userpci = fileURLToPath(new URL("../bin/userpci.js", import.meta.url));
/** The `edu` of the machine called session. */
const ADDRESS = "0000:00:04.0";
/** An ordinary user: nobody. */
const USER = 65_534;
/** A busy machine emulates slowly. */
const timeoutMs = 110_000;

const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");

/** What an ordinary user's shell has that the guest has not. Only root's commands come to this `sudo`. */
const programs = {
  userpci: `exec node ${userpci} "$@"`,
  sudo: 'exec "$@"',
};

/** A shell that types the commands of a session. */
class Shell {
  readonly #vm: Vm;
  readonly #user: string;
  /** What a command in the background prints, and its end. */
  #job = { printed: "", ended: Promise.resolve() };

  constructor(vm: Vm, user: string) {
    this.#vm = vm;
    this.#user = user;
  }

  /** @returns what the command printed, on either stream; one in the background, until something else can be typed */
  async type(line: string): Promise<string> {
    if (line === "wait") {
      await this.#job.ended;
      return this.#printed();
    }
    if (!line.endsWith(" &")) return this.#run(line);
    await this.#start(line.slice(0, -2));
    return this.#printed();
  }

  /** Takes what the command in the background has printed so far. */
  #printed(): string {
    const { printed } = this.#job;
    this.#job.printed = "";
    return printed;
  }

  /** Starts a command, and waits until it prints something, as a user would before typing more. */
  #start(line: string): Promise<void> {
    return new Promise((resolve) => {
      const receive = (chunk: Uint8Array): void => {
        this.#job.printed += Buffer.from(chunk).toString();
        resolve();
      };
      this.#job.ended = this.#run(line, receive).then(() => resolve());
    });
  }

  async #run(line: string, onStdout?: (chunk: Uint8Array) => void): Promise<string> {
    const asRoot = /\bsudo\b/.test(line);
    const { stdout, stderr } = await this.#vm.run(["sh", "-c", line], {
      user: asRoot ? "root" : this.#user,
      env: { PATH: `${join(this.#vm.exchange.guest, "bin")}:/usr/bin:/bin:/usr/sbin:/sbin`, USER: "nobody" },
      timeoutMs,
      ...(onStdout && { onStdout, onStderr: onStdout }),
    });
    return stdout + stderr;
  }
}

let vm: Vm;
beforeAll(async () => {
  vm = await testVm("session");
  const folder = join(vm.exchange.host, "bin");
  mkdirSync(folder);
  for (const [name, line] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${line}\n`);
    chmodSync(join(folder, name), 0o755);
  }
});

it("tells a text that is not what was expected", () => {
  expect(difference(["a … c", "…", "end"], "a b c\nmore\nend\n")).toBeUndefined();
  expect(difference(["a … c"], "a b d\n")).toContain("printed:\na b d");
  expect(difference([], "more\n")).toBeDefined();
});

describe.each([
  ["an ordinary user", String(USER)],
  ["root", "root"],
])("the README's session, by %s", (_, user) => {
  const session = readSession(readme, "## Your own device");
  let shell: Shell;
  beforeAll(() => {
    shell = new Shell(vm, user);
  });
  it.each(session.map((step): [string, Step] => [step.command, step]))(
    "%s",
    async (command, { expected }) => {
      expect(difference(expected, await shell.type(command))).toBeUndefined();
    },
  );
});

it("tells programs what it does as the schemas say", async () => {
  const json = async (...argv: string[]) => {
    const { stdout } = await vm.run(["node", userpci, ...argv, "--json"], { timeoutMs });
    return stdout;
  };
  const { driver, user } = expectSchema("bind", await json("bind", ADDRESS, "--user", String(USER)));
  expect({ driver, user }).toEqual({ driver: "vfio-pci", user: { uid: USER, name: "nobody" } });
  const { restored } = expectSchema("restore", await json("restore", ADDRESS));
  expect(restored).toMatchObject([{ address: ADDRESS, driver: null, changed: true }]);
});
