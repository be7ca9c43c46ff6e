import type { ErrorNotes } from "./notes.ts";

/** The command, the addon, other processes and recordings. */
export const toolNotes = {
  ERR_NATIVE_UNAVAILABLE: {
    causes: ["This is not Linux, or there is no binary of the addon for this system, and none was built."],
    evidence: ["`node -p 'process.platform + \" \" + process.arch'`", "`cause` is what the loader said"],
    fix: [
      "build it: `npm rebuild @userpci/vfio-native`, with a C++ compiler, make and python3",
      "without it: `emulated(model)`, which needs no addon; `userpci demo --in-process`",
    ],
    example: "the addon of @userpci/vfio-native did not load on linux x64",
  },
  ERR_PROTOCOL: {
    causes: [
      "The peer at the other end of a socket sent what the protocol does not have, or the bytes of a saved state or recording are not such.",
    ],
    evidence: ["the message says which field, with its value"],
    fix: ["use the same version of userpci at both ends", "load only what `save()` of the same model gave"],
    example: "the state of edu has 12 bytes, not 4176",
  },
  ERR_REPLAY: {
    causes: [
      "The driver was changed since the recording, or depends on what is not recorded: the clock, random numbers, other input.",
    ],
    evidence: ["the message has the event's number, what the driver did, and what the recording has"],
    fix: ["record again: `userpci trace`", "make the driver take the clock and random numbers as arguments"],
    example:
      "event 12 of 40: the driver did read32 of BAR 0 + 0x8, and the recording has write32 of BAR 0 + 0x8",
  },
  ERR_SAME_THREAD: {
    causes: ["A synchronous call would wait for an answer that only this thread could give."],
    evidence: ["the message names the socket"],
    fix: ["serve in another process (`userpci serve`) or a worker", "or use `emulated(model)` in this one"],
    example: "/tmp/edu.sock is served by this thread, which would wait for itself",
  },
  ERR_USAGE: {
    causes: ["The command line has a word, an option or a command that does not exist, or lacks one."],
    evidence: ["exit status 2"],
    fix: ["`userpci --help`, `userpci COMMAND --help`"],
    example: "unknown option '--foo'",
  },
  ERR_DEMO: {
    causes: ["A step of the demo gave another result than it must, so something beneath is broken."],
    evidence: ["`userpci demo --json` has what each step was given and found"],
    fix: ["report it with that output"],
    example: 'the step "dma" did not hold: {"equal":false}',
  },
  ERR_INTERNAL: {
    causes: ["A fault of the command itself."],
    evidence: ["`stack` of the error"],
    fix: ["report it with the command line and its `--json` output"],
    example: "Cannot read properties of undefined (reading 'address')",
  },
} as const satisfies Readonly<Record<string, ErrorNotes>>;
