import { nvme } from "@userpci/nvme/model";
import { serve } from "@userpci/vfio-user/server";
import { describe, expect, it } from "vitest";
import { CClient } from "./c-client.ts";
import { noPrograms, SocketFolder } from "./c-programs.ts";
import { enter, load, saved } from "./migration.ts";
import { counters, dataAt, NvmeGuest } from "./nvme-guest.ts";
import { Player } from "./scenario.ts";

const WRITE = 1;
const READ = 2;
const BLOCK = 512;

/** A block that can be told from others. */
const block = (seed: number): Buffer => Buffer.alloc(BLOCK, seed);

describe.skipIf(noPrograms)("an NVMe controller in the middle of I/O", () => {
  it("goes to another process's server, where its commands are finished and its disk is whole", async () => {
    using folder = new SocketFolder();
    await using here = await serve(nvme(), { path: folder.socket() });
    await using there = await serve(nvme(), { path: folder.socket() });

    await using source = new CClient(here.path);
    const left = new Player(source);
    const before = new NvmeGuest(left);
    const { memory } = before;
    await before.attach();
    await before.start();
    memory.at(dataAt(0), BLOCK).set(block(0xa0));
    await before.submit(1, { opcode: WRITE, id: 10, data: dataAt(0), cdw10: 0 });
    expect(await before.completion(1)).toEqual({ id: 10, status: 0 });
    // Two that are under way when it stops, of which the device has not seen the data.
    memory.at(dataAt(1), BLOCK).set(block(0xa1));
    memory.at(dataAt(2), BLOCK).set(block(0xa2));
    await before.submit(1, { opcode: WRITE, id: 11, data: dataAt(1), cdw10: 8 });
    await before.untilData();
    await before.submit(2, { opcode: WRITE, id: 12, data: dataAt(2), cdw10: 16 });
    await left.step(enter("STOP_COPY"));
    const state = await saved(left);
    await left.step(enter("STOP"));

    await using target = new CClient(there.path);
    const right = new Player(target);
    const after = new NvmeGuest(right, memory);
    await after.attach();
    await right.step(enter("RESUMING"));
    await load(right, state);
    await right.step(enter("RUNNING"));
    expect(await after.completion(1)).toEqual({ id: 11, status: 0 });
    expect(await after.completion(2)).toEqual({ id: 12, status: 0 });
    expect(await target.count(counters[1], 1000)).toBe(1);
    expect(await target.count(counters[2], 1000)).toBe(1);
    for (const [at, block0] of [0, 8, 16].entries()) {
      await after.submit(2, { opcode: READ, id: 20 + at, data: dataAt(4), cdw10: block0 });
      expect(await after.completion(2)).toEqual({ id: 20 + at, status: 0 });
      expect(memory.at(dataAt(4), BLOCK).equals(block(0xa0 + at))).toBe(true);
    }
  });
});
