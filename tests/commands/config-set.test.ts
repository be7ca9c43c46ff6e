import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfigChanges } from "@userpci/sysfs";
import { writeMachine } from "@userpci/sysfs/testing";
import { expect, it } from "vitest";
import { resultOf } from "../module-process.ts";

const ROUNDS = 60;
const ADDRESS = "0000:00:04.0";
const CACHE_LINE_SIZE = 0x0c;
const command = new URL("../../packages/cli/dist/commands/config/set.js", import.meta.url).href;

/** A process that writes a register and takes that back, again and again; it tells how that ended. */
function writing(root: string, value: number): Promise<Record<string, number>> {
  // The command itself: a command line knows no other tree to write to.
  const program = `
    import { appendFileSync, statSync } from "node:fs";
    import { setTimeout } from "node:timers/promises";
    const { run } = await import(${JSON.stringify(command)});
    const endings = {};
    const barrier = ${JSON.stringify(join(root, "ready"))};
    appendFileSync(barrier, ".");
    while (statSync(barrier).size < 2) await setTimeout(1);
    for (let round = 0; round < ${ROUNDS}; round++)
      for (const [rest, undo] of [[["CACHE_LINE_SIZE=${value}"]], [[], true]]) {
        const call = { arguments: ["${ADDRESS}"], rest, options: { root: ${JSON.stringify(root)}, undo } };
        const ending = await run(call).then(() => "done").catch((error) => error.code);
        endings[ending] = (endings[ending] ?? 0) + 1;
      }
    process.stdout.write(JSON.stringify(endings));`;
  return resultOf(program);
}

it("config set and its --undo of two processes at once leave nothing behind", async () => {
  const root = mkdtempSync(join(tmpdir(), "userpci-undo-"));
  try {
    const config = new Uint8Array(256);
    config.set([0x34, 0x12, 0xe8, 0x11]);
    writeMachine(root, { functions: [{ address: ADDRESS, id: "1234:11e8", config }] });
    const endings = await Promise.all([writing(root, 0x11), writing(root, 0x22)]);
    expect(endings).toEqual([{ done: 2 * ROUNDS }, { done: 2 * ROUNDS }]);
    const bytes = readFileSync(join(root, "sys/bus/pci/devices", ADDRESS, "config"));
    expect(bytes[CACHE_LINE_SIZE]).toBe(0);
    expect(await readConfigChanges(ADDRESS, { root })).toEqual([]);
  } finally {
    rmSync(root, { recursive: true });
  }
});
