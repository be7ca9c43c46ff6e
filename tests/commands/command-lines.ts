/** A command line of the built command, and what it says to people. To programs it says it in its schema. */
export interface CommandLine {
  /** What follows the command; ROOT is a copy of a machine, FOLDER an empty one. */
  readonly argv: readonly string[];
  /** What its text has. */
  readonly text: RegExp;
  /** Exit status. Default 0. */
  readonly status?: number;
  /** What its JSON is where the command cannot do it here. Default: its own. */
  readonly schema?: "error";
  /** Whether it has no lines of JSON to print here. */
  readonly silent?: true;
}

const onRoot = ["--root", "ROOT"];
const onModel = ["--model", "edu"];

/** Commands that need neither a kernel's VFIO nor root: what any machine runs. Of those that change a machine, what they would do. */
export const onHost: Readonly<Record<string, CommandLine>> = {
  list: { argv: onRoot, text: /^ADDRESS +ID[\s\S]*\n0000:00:04\.0 {2}1234:11e8/ },
  show: { argv: ["00:04.0", ...onRoot], text: /^0000:00:04\.0[\s\S]*group +4, viable/ },
  doctor: { argv: ["00:04.0", ...onRoot], text: /driver +vfio-pci[\s\S]*\nfirst /, status: 1 },
  groups: { argv: onRoot, text: /^group 4 {2}viable/ },
  snapshot: { argv: ["FOLDER/machine.tar", ...onRoot], text: /machine\.tar/ },
  explain: { argv: ["ERR_MEMLOCK"], text: /^ERR_MEMLOCK {2}pinning/ },
  bind: {
    argv: ["00:05.0", "--plan", ...onRoot],
    text: /^0000:00:05\.0 has e1000e[\s\S]*nothing was changed/,
  },
  unbind: {
    argv: ["00:04.0", "--plan", ...onRoot],
    text: /^0000:00:04\.0 has vfio-pci[\s\S]*nothing was changed/,
  },
  restore: { argv: ["00:04.0", "--plan", ...onRoot], text: /^0000:00:04\.0 has vfio-pci/ },
  permit: { argv: ["00:04.0", "--user", "65534", "--plan", ...onRoot], text: /udev/ },
  "config get": { argv: [...onModel, "command"], text: /command +0x04 +0x0/ },
  "config set": { argv: [...onModel, "command=6"], text: /^command +at 0x04: 0x\w+ -> 0x0006/ },
  "config diff": { argv: ["00:04.0", "00:04.0", ...onRoot], text: /^no difference/, silent: true },
  "config check": { argv: ["00:04.0", ...onRoot], text: /^sound {2}0000:00:04\.0/, silent: true },
  "config explain": { argv: ["00:04.0", "command", ...onRoot], text: /a write reaches the device/ },
  "mem read": { argv: [...onModel, "0", "IDENTIFICATION"], text: /^0x0000 {2}0x010000ed/ },
  "mem write": { argv: [...onModel, "0", "LIVENESS", "1", "--read-back"], text: /reads 0xfffffffe/ },
  "mem dump": { argv: [...onModel, "0", "0x0", "0x10"], text: /^00000000 {2}ed 00 00 01/ },
  rom: { argv: onModel, text: /edu has no expansion ROM/, status: 1, schema: "error" },
  reset: { argv: ["--model", "nvme"], text: /reset/ },
  repl: { argv: [...onModel, "-e", "1 + 1"], text: /^2/ },
  "irq watch": {
    argv: [...onModel, "--trigger", "--count", "1"],
    text: /vector 0 {2}event 1[\s\S]*\n1 event in/,
  },
  "dma test": { argv: [...onModel, "--rounds", "1"], text: /sound {2}1 rounds/ },
  holders: { argv: ["00:04.0", ...onRoot], text: /no process has 00:04\.0 open/ },
  completion: { argv: ["bash"], text: /complete .*userpci/ },
};

/** Commands of which another test runs the built binary, and holds its JSON against the schema: each with its file, from the top. */
export const elsewhere: Readonly<Record<string, string>> = {
  demo: "packages/cli/src/demo.test.ts",
  monitor: "tests/vm/watching.test.ts",
  replay: "tests/trace/command.test.ts",
  serve: "tests/vfio-user/serve-command.test.ts",
  testbed: "tests/vm/testbed-command.test.ts",
  top: "tests/vm/watching.test.ts",
  trace: "tests/trace/command.test.ts",
  "vf create": "tests/vm/vf-command.test.ts",
  "vf destroy": "tests/vm/vf-command.test.ts",
};
