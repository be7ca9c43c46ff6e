import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeMachine } from "@userpci/sysfs/testing";
import { type Program, progressToStderr, provisionProgram } from "@userpci/testbed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CommandSpec } from "../command.ts";
import { commands } from "../commands.ts";
import { completionScript } from "./completion.ts";
import { grammarOf } from "./grammar.ts";
import type { Shell } from "./script.ts";

const load: CommandSpec["load"] = () => Promise.reject(new Error("no command is run here"));
const common = { section: "tools", options: [], examples: [], load } as const;

/** Commands that are completed as they are, for the words of their options. */
const own = ["permit", "irq watch", "mem read", "config explain"];

/** Commands of every form: with a value of each kind, of a family, with words that go on. */
const specs: readonly CommandSpec[] = [
  {
    ...common,
    name: "show",
    summary: "it's [this]: one function",
    arguments: [{ usage: "[address]", about: "which" }],
    options: [
      { usage: "-F, --file <dump>", about: "a file" },
      { usage: "--root <snapshot>", about: "a tree" },
      { usage: "--at <directory>", about: "a place" },
      { usage: "--driver <name>", about: "a driver" },
      { usage: "--clients <one|many>", about: "how many" },
      { usage: "--model <model>", about: "a model", words: ["edu", "nvme"] },
    ],
  },
  {
    ...common,
    name: "config get",
    summary: "read",
    arguments: [{ usage: "<address>", about: "which" }],
    options: [{ usage: "--root <snapshot>", about: "a tree" }],
  },
  {
    ...common,
    name: "config diff",
    summary: "compare",
    arguments: [
      { usage: "<before>", about: "which" },
      { usage: "<after>", about: "which" },
    ],
    options: [{ usage: "--root <snapshot>", about: "a tree" }],
  },
  { ...common, name: "config set", summary: "write", arguments: [{ usage: "<address>", about: "which" }] },
  {
    ...common,
    name: "serve",
    summary: "serve",
    arguments: [{ usage: "<model>", about: "what", words: ["edu", "nvme"] }],
    options: [{ usage: "--device <name>", about: "one more", repeats: true, words: ["igb"] }],
  },
  {
    ...common,
    name: "trace",
    summary: "run",
    arguments: [{ usage: "<command...>", about: "what" }],
    options: [{ usage: "-o, --output <file>", about: "where to" }],
  },
  {
    ...common,
    name: "replay",
    summary: "run again",
    arguments: [
      { usage: "<recording>", about: "of what" },
      { usage: "[command...]", about: "what" },
    ],
  },
  ...commands.filter(({ name }) => own.includes(name)),
];

let folder = "";
let root = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "userpci-completion-"));
  root = join(folder, "machine");
  writeMachine(root, {
    functions: [
      { address: "0000:00:04.0", id: "1234:11e8", driver: "vfio-pci" },
      { address: "0000:01:00.0", id: "8086:10d3", driver: "e1000e" },
      { address: "10000:01:00.0", id: "8086:0a54" },
    ],
  });
  for (const name of ["0.txt", "dump.txt", "tree.tar"]) writeFileSync(join(folder, name), "");
  mkdirSync(join(folder, "tree"));
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin/probe-device"), "", { mode: 0o755 });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Addresses of this machine's own functions. */
const devices = "/sys/bus/pci/devices";
const addresses = existsSync(devices) ? readdirSync(devices).sort() : [];

/** Lines that end where they are completed, and what is offered there; `R` stands for a root that has three functions. */
const cases: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ["userpci sh", ["show"]],
  ["userpci c", ["config"]],
  ["userpci --json sh", ["show"]],
  ["userpci --js", ["--json", "--jsonl"]],
  ["userpci config ", ["diff", "explain", "get", "set"]],
  ["userpci config --json s", ["set"]],
  ["userpci config s", ["set"]],
  ["userpci show --dr", ["--driver"]],
  ["userpci show ", addresses],
  ["userpci config get ", addresses],
  ["userpci show --root R ", ["0000:00:04.0", "0000:01:00.0", "10000:01:00.0"]],
  ["userpci show --root R 0000:0", ["0000:00:04.0", "0000:01:00.0"]],
  ["userpci show --root R 01", ["01:00.0"]],
  ["userpci config get --root R 00:0", ["00:04.0"]],
  ["userpci show --root R --driver ", ["e1000e", "vfio-pci"]],
  ["userpci show --clients ", ["many", "one"]],
  ["userpci show --file du", ["dump.txt"]],
  ["userpci show --root tr", ["tree.tar", "tree/"]],
  ["userpci show --at tr", ["tree/"]],
  ["userpci config diff --root R 0000:01", ["0000:01:00.0"]],
  ["userpci config diff --root R 01:00.0 du", ["dump.txt"]],
  ["userpci config diff --root R dump.txt 0", ["0.txt", "0000:00:04.0", "0000:01:00.0"]],
  ["userpci show --model n", ["nvme"]],
  ["userpci show --model du", ["dump.txt"]],
  ["userpci serve n", ["nvme"]],
  ["userpci serve --device ", ["igb"]],
  ["userpci permit --print ", ["cdi", "initramfs", "limits", "modprobe", "oci", "systemd", "udev"]],
  ["userpci irq watch --kind ", ["intx", "msi", "msix"]],
  ["userpci mem read --width ", ["16", "32", "64", "8"]],
  ["userpci config explain --profile ", ["linux", "vfio2010"]],
  ["userpci show 00:04.0 --json", ["--json", "--jsonl"]],
  ["userpci trace probe-", ["probe-device"]],
  ["userpci trace -- probe-", ["probe-device"]],
  ["userpci trace -o x -- probe-", ["probe-device"]],
  ["userpci trace -- probe-device dump.", ["dump.txt"]],
  ["userpci replay dump.txt -- probe-", ["probe-device"]],
];

const expected = cases.map(([line, offered]) => [line, offered]);

/** What a shell offers for each line, sorted; a folder with a slash behind it. */
async function offeredBy(
  shell: Shell,
  run: (lines: readonly string[]) => Promise<string>,
): Promise<unknown[]> {
  writeFileSync(
    join(folder, `userpci.${shell}`),
    completionScript(shell, grammarOf(specs, { config: "registers", irq: "interrupts", mem: "BARs" })),
  );
  const lines = cases.map(([line]) => line.replace(" R", ` ${root}`));
  const answers = (await run(lines)).split("##\n").slice(0, -1);
  return answers.map((answer, index) => {
    const words = answer.split("\n").map((word) => word.split("\t")[0]!.trim());
    const offered = [...new Set(words.filter((word) => word !== ""))];
    return [cases[index]![0], offered.map((word) => (word === "tree" ? "tree/" : word)).sort()];
  });
}

async function output(command: readonly string[], args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const [file, ...leading] = command;
  const path = `${join(folder, "bin")}:${process.env["PATH"]}`;
  const options = { cwd: folder, env: { ...process.env, PATH: path, ...env }, encoding: "utf8" } as const;
  return (await promisify(execFile)(file!, [...leading, ...args], options)).stdout;
}

describe("what a shell offers where a command line ends", () => {
  it("bash", async () => {
    const script = `
      source userpci.bash
      for line; do
        COMP_LINE=$line COMP_POINT=\${#line} COMPREPLY=()
        COMP_WORDBREAKS=' '
        _userpci
        printf '%s\\n' "\${COMPREPLY[@]}" '##'
      done`;
    const offered = await offeredBy("bash", (lines) =>
      output(["bash", "--norc"], ["-c", script, "bash", ...lines]),
    );
    expect(offered).toEqual(expected);
  });

  it("bash, where a colon ends a word: only what follows it", async () => {
    const line = `userpci show --root ${root} 0000:00`;
    const script = `source userpci.bash; COMP_LINE='${line}' COMP_POINT=${line.length} COMP_WORDBREAKS=:; _userpci; echo "\${COMPREPLY[@]}"`;
    expect(await output(["bash", "--norc"], ["-c", script])).toBe("00:04.0\n");
  });

  it("fish", async () => {
    const { command, root: unpacked } = await provisioned("fish");
    const script = `set fish_function_path ${unpacked}/usr/share/fish/functions; source userpci.fish; for line in $argv; complete -C $line; echo '##'; end`;
    const offered = await offeredBy("fish", (lines) =>
      output(command, ["--no-config", "-c", script, ...lines], { HOME: folder }),
    );
    expect(offered).toEqual(expected);
  });

  it("zsh", async () => {
    const program = await provisioned("zsh");
    const offered = await offeredBy("zsh", (lines) => inZsh(program, lines));
    expect(offered).toEqual(expected);
  });
});

describe("the completion of every command there is", () => {
  it.each(["bash", "zsh", "fish"] as const)("is a script that %s reads", async (shell) => {
    writeFileSync(join(folder, `all.${shell}`), completionScript(shell, grammarOf()));
    const command = shell === "bash" ? ["bash"] : (await provisioned(shell)).command;
    expect(await output(command, ["-n", `all.${shell}`])).toBe("");
  });
});

function provisioned(name: "zsh" | "fish"): Promise<Program> {
  return provisionProgram(name, progressToStderr);
}

/** Zsh completes only where it edits lines, on a terminal. It tells what it would offer, and what goes wrong, before it shows its first prompt. */
async function inZsh({ command, root: unpacked }: Program, lines: readonly string[]): Promise<string> {
  const functions = join(unpacked, "usr/share/zsh/functions");
  writeFileSync(join(folder, "lines"), lines.map((line) => `${line}\n`).join(""));
  writeFileSync(
    join(folder, ".zshrc"),
    `module_path=(${unpacked}/usr/lib/x86_64-linux-gnu/zsh/*(/))
     fpath=(${functions}/Completion/{Base,Unix,Unix/Type,Zsh,Zsh/Function,Zsh/Type} ${functions}/{Completion,Misc,Zle})
     PROMPT=
     autoload -Uz compinit && compinit -u -D
     source userpci.zsh
     compadd() {
       if [[ \${@[1,(i)(-|--)]} != *-[OAD]\\ * ]]; then
         local -a hits
         builtin compadd -O hits "$@"
         print -l -- $hits >>offered
       fi
       builtin compadd "$@"
     }
     zle-line-init() {
       local line
       exec 2>>offered
       for line in "\${(@f)$(<lines)}"; do
         BUFFER=$line CURSOR=$#line
         zle list-choices
         print -- '##' >>offered
       done
       exit
     }
     zle -N zle-line-init
    `,
  );
  const zsh = [...command, "-d", "-i"].map((word) => `'${word}'`).join(" ");
  await output(["script"], ["-qec", zsh, "/dev/null"], { ZDOTDIR: folder, TERM: "xterm" });
  return output(["cat"], ["offered"]);
}
