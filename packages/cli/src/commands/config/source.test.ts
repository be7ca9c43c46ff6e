import { PciError } from "@userpci/interface";
import { fromBytes } from "@userpci/pci-config";
import { expect, it, vi } from "vitest";
import type { CommandCall } from "../../command.ts";
import type { Target } from "../../target/target.ts";
import { noteShort, notSeen } from "./source.ts";

const ADDRESS = "0000:00:04.0";
const told = `of ${ADDRESS} only 64 bytes could be read`;

it.each([
  [
    "an ordinary user, with what asks root",
    1000,
    64,
    {},
    `${told}: sudo userpci config explain 00:04.0 command\n`,
  ],
  // As in a container: sudo would not help.
  ["root who lacks a capability", 0, 64, {}, `${told}\n`],
  ["who looks at a copied tree", 1000, 64, { root: "/copy" }, `${told}\n`],
  ["nobody who has all of it", 1000, 256, {}, ""],
])("tells %s what could not be read", (_who, uid, bytes, options, note) => {
  const geteuid = vi.spyOn(process, "geteuid").mockReturnValue(uid);
  let notes = "";
  const terminal = {
    note: (text: string) => {
      notes += text;
    },
  };
  const call = { arguments: ["00:04.0"], rest: ["command"], options, json: false, terminal };
  try {
    const source = { name: ADDRESS, config: fromBytes(new Uint8Array(bytes)) };
    noteShort(call as unknown as CommandCall, [source], "config explain");
    expect(notes).toBe(note);
  } finally {
    geteuid.mockRestore();
  }
});

it.each(["config get", "config explain", "config set --plan"])(
  "tells who would see what %s asks for",
  (command) => {
    const geteuid = vi.spyOn(process, "geteuid").mockReturnValue(1000);
    try {
      const target = { address: ADDRESS, config: fromBytes(new Uint8Array(64)), fn: {} } as unknown as Target;
      const call = { rest: ["pm.control"], options: {} } as unknown as CommandCall;
      expect(notSeen(call, target, command, new PciError("ERR_NOT_SUPPORTED", "it has none"))).toMatchObject({
        code: "ERR_PERMISSION",
        hint: `sudo userpci ${command} ${ADDRESS} pm.control`,
      });
    } finally {
      geteuid.mockRestore();
    }
  },
);
