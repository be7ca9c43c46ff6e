import { once } from "node:events";
import { copyFileSync, ftruncateSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadNative } from "./native.ts";
import { addonFile, message, runChild, startWorker } from "./test/environments.ts";

// A memory file that shrinks beneath its mapping answers as a device does that no longer decodes its BAR: with SIGBUS.

const native = loadNative();
const { MAP_FIXED, MAP_SHARED, PROT_READ, PROT_WRITE } = native.constants;
const RW = PROT_READ | PROT_WRITE;
const page = native.pageSize();
const perPage = page / 4;

let before = native.ledger();
beforeEach(() => {
  before = native.ledger();
});
afterEach(() => {
  expect(native.ledger()).toEqual(before);
});

const folder = mkdtempSync(join(tmpdir(), "userpci-"));
const secondCopy = join(folder, "second.node");
const thirdCopy = join(folder, "third.node");
for (const copy of [secondCopy, thirdCopy]) copyFileSync(addonFile, copy);
afterAll(() => rmSync(folder, { recursive: true }));

interface Bar {
  readonly fd: number;
  readonly address: number;
  readonly length: number;
  readonly words: Uint32Array;
  close(): void;
}

function openBar(pages: number): Bar {
  const length = pages * page;
  const fd = native.memfd("bar", length, 0, 0);
  const address = native.mmap(length, RW, MAP_SHARED, fd, 0);
  const words = new Uint32Array(native.view(address, length) as ArrayBuffer);
  const close = (): void => {
    expect(native.munmap(address, length)).toBe(0);
    native.close(fd);
  };
  return { fd, address, length, words, close };
}

function flagOf(slot: number): Int32Array {
  expect(slot).toBeGreaterThanOrEqual(0);
  return new Int32Array(native.faultFlag(slot) as ArrayBuffer);
}

describe("a device that does not answer", () => {
  it("reads as all ones, takes writes, and sets its flag", () => {
    const bar = openBar(2);
    const slot = native.claimFaults(bar.address, bar.length);
    const flag = flagOf(slot);
    bar.words.fill(0x12345678);
    expect(flag[0]).toBe(0);
    ftruncateSync(bar.fd, page);
    expect([Atomics.load(bar.words, 0), flag[0]]).toEqual([0x12345678, 0]);
    expect([Atomics.load(bar.words, perPage + 1), flag[0]]).toEqual([0xffffffff, 1]);
    bar.words[perPage + 2] = 5;
    // Only the page that did not answer was replaced.
    expect([bar.words[0], bar.words[perPage], bar.words[perPage + 2]]).toEqual([0x12345678, 0xffffffff, 5]);
    native.releaseFaults(slot);
    bar.close();
  });

  it("may be written to first", () => {
    const bar = openBar(1);
    const slot = native.claimFaults(bar.address, bar.length);
    ftruncateSync(bar.fd, 0);
    bar.words[3] = 1;
    expect([bar.words[2], flagOf(slot)[0]]).toEqual([0xffffffff, 1]);
    native.releaseFaults(slot);
    bar.close();
  });

  it("keeps its ones to itself", () => {
    const bars = [openBar(1), openBar(1)];
    const slots = bars.map((bar) => native.claimFaults(bar.address, bar.length));
    for (const bar of bars) ftruncateSync(bar.fd, 0);
    bars[0]!.words[0] = 0;
    expect(bars[1]!.words[0]).toBe(0xffffffff);
    for (const slot of slots) native.releaseFaults(slot);
    for (const bar of bars) bar.close();
  });

  it("answers again once it is mapped again and the flag cleared", () => {
    const bar = openBar(1);
    const slot = native.claimFaults(bar.address, bar.length);
    const flag = flagOf(slot);
    for (let round = 1; round <= 3; round++) {
      ftruncateSync(bar.fd, 0);
      expect([Atomics.load(bar.words, 0), flag[0]]).toEqual([0xffffffff, 1]);
      ftruncateSync(bar.fd, page);
      expect(native.mmap(bar.length, RW, MAP_SHARED | MAP_FIXED, bar.fd, 0, bar.address)).toBe(bar.address);
      expect(native.clearFault(slot)).toBe(0);
      bar.words[0] = round;
      expect([native.readScalar(bar.fd, 0, 4), flag[0]]).toEqual([round, 0]);
    }
    native.releaseFaults(slot);
    bar.close();
  });

  it("may be large, and be read from end to end", () => {
    // One mapping a page would be more than a process may have, 65,530 (vm.max_map_count).
    const result = runChild(`
      const bar = { fd: native.memfd("bar", 70_000 * native.pageSize(), 0, 0) };
      Object.assign(bar, mapped(bar.fd, 70_000));
      const flag = new Int32Array(native.faultFlag(native.claimFaults(bar.address, bar.length)));
      fs.ftruncateSync(bar.fd, 0);
      const step = native.pageSize() / 4;
      let ones = 0;
      for (let i = 0; i < bar.words.length; i += step) ones += bar.words[i] === -1;
      for (let i = 0; i < bar.words.length; i += step) ones += bar.words[i] === -1;
      console.log(ones, flag[0]);
    `);
    expect(result).toMatchObject({ signal: null, stdout: "140000 1\n", stderr: "" });
  });

  it("may be backed by huge pages, which go as a whole", ({ skip }) => {
    const { MFD_HUGETLB, MFD_HUGE_2MB } = native.constants;
    const huge = 2 ** 21;
    const fd = native.memfd("bar", 2 * huge, MFD_HUGETLB | MFD_HUGE_2MB, 0);
    const address = fd < 0 ? fd : native.mmap(2 * huge, RW, MAP_SHARED, fd, 0);
    if (address < 0) {
      native.close(fd);
      skip("no huge pages: echo 2 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
    }
    const words = new Uint32Array(native.view(address, 2 * huge) as ArrayBuffer);
    const slot = native.claimFaults(address, 2 * huge);
    ftruncateSync(fd, huge);
    expect([words[0], flagOf(slot)[0]]).toEqual([0, 0]);
    expect([words.at(-1), words[huge / 4], words[0], flagOf(slot)[0]]).toEqual([
      0xffffffff, 0xffffffff, 0xffffffff, 1,
    ]);
    native.releaseFaults(slot);
    expect(native.munmap(address, 2 * huge)).toBe(0);
    native.close(fd);
  });

  it("is seen as silent from every thread", async () => {
    const bar = openBar(1);
    const slot = native.claimFaults(bar.address, bar.length);
    ftruncateSync(bar.fd, 0);
    const worker = startWorker(
      `const { address, slot } = workerData;
       const words = new Uint32Array(native.view(address, 4096));
       parentPort.postMessage([words[0], new Int32Array(native.faultFlag(slot))[0]]);`,
      { address: bar.address, slot },
    );
    expect(await message(worker)).toEqual([0xffffffff, 1]);
    expect(flagOf(slot)[0]).toBe(1);
    await worker.terminate();
    native.releaseFaults(slot);
    bar.close();
  });
});

describe("claims", () => {
  it("are for whole pages of this environment's, once", () => {
    const bar = openBar(2);
    expect(native.claimFaults(bar.address + 8, page)).toBe(-22);
    expect(native.claimFaults(bar.address, page / 2)).toBe(-22);
    const slot = native.claimFaults(bar.address, page);
    expect(native.claimFaults(bar.address, 2 * page)).toBe(-17);
    expect(native.munmap(bar.address, bar.length)).toBe(-16);
    expect([native.releaseFaults(slot), native.releaseFaults(slot), native.clearFault(slot)]).toEqual([
      0, -2, -2,
    ]);
    bar.close();
  });

  it("run out at 4096, and can be made again when given back", () => {
    const bar = openBar(4100);
    const slots: number[] = [];
    for (let i = 0; i < 4096; i++) slots.push(native.claimFaults(bar.address + i * page, page));
    expect(new Set(slots).size).toBe(4096);
    expect(native.claimFaults(bar.address + 4096 * page, page)).toBe(-28);
    for (const slot of slots) expect(native.releaseFaults(slot)).toBe(0);
    const slot = native.claimFaults(bar.address, bar.length);
    ftruncateSync(bar.fd, 0);
    expect(bar.words.at(-1)).toBe(0xffffffff);
    native.releaseFaults(slot);
    bar.close();
  });

  it("of a worker are given back when it ends, and the table outlives it", async () => {
    const claim = `const { address, length } = mapped(native.memfd("bar", 4096, 0, 0), 1);
      parentPort.postMessage(native.claimFaults(address, length));
      setInterval(() => {}, 1000);`;
    const workers = [startWorker(claim), startWorker(claim)];
    const slots = await Promise.all(workers.map(message));
    expect(new Set(slots).size).toBe(2);
    await Promise.all(workers.map((worker) => worker.terminate()));
    const bar = openBar(1);
    const slot = native.claimFaults(bar.address, bar.length);
    expect(slots).toContain(slot);
    native.releaseFaults(slot);
    bar.close();
  });

  it("work in the main thread after the only worker that had the addon has ended", () => {
    const result = runChild(
      `
      const { Worker } = require("node:worker_threads");
      delete require.cache[Object.keys(require.cache).find((file) => file.endsWith(".node"))];
      const body = ${JSON.stringify(`
        const native = require(process.env.ADDON);
        const fd = native.memfd("bar", 4096, 0, 0);
        native.claimFaults(native.mmap(4096, 3, 1, fd, 0), 4096);
      `)};
      new Worker(body, { eval: true }).on("exit", () => {
        const again = require(process.env.ADDON);
        const fd = again.memfd("bar", 4096, 0, 0);
        const address = again.mmap(4096, 3, 1, fd, 0);
        again.claimFaults(address, 4096);
        fs.ftruncateSync(fd, 0);
        console.log(new Int32Array(again.view(address, 4096))[0]);
      });
    `,
      { ADDON: secondCopy },
    );
    expect(result).toMatchObject({ status: 0, signal: null, stdout: "-1\n", stderr: "" });
  });

  it("are served from threads that fault at the same time", async () => {
    const bar = openBar(64);
    const slot = native.claimFaults(bar.address, bar.length);
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const body = `const words = new Uint32Array(native.view(workerData.address, workerData.length));
      parentPort.postMessage(0);
      Atomics.wait(workerData.gate, 0, 0);
      let ones = 0;
      for (let i = 0; i < words.length; i += 1024) ones += words[i] === 0xffffffff;
      parentPort.postMessage(ones);`;
    const workers = [1, 2, 3].map(() =>
      startWorker(body, { address: bar.address, length: bar.length, gate }),
    );
    await Promise.all(workers.map(message));
    ftruncateSync(bar.fd, 0);
    const counts = workers.map(message);
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    expect(await Promise.all(counts)).toEqual([64, 64, 64]);
    await Promise.all(workers.map((worker) => worker.terminate()));
    native.releaseFaults(slot);
    bar.close();
  });
});

/** Silences `bar`, claimed by `native`, and a BAR claimed by nobody. */
const bars = `
  function open(addon) {
    const fd = addon.memfd("bar", 4096, 0, 0);
    const address = addon.mmap(4096, 3, 1, fd, 0);
    const words = new Int32Array(addon.view(address, 4096));
    fs.ftruncateSync(fd, 0);
    return { address, words, claim: () => addon.claimFaults(address, 4096) };
  }
  const second = require(process.env.SECOND);
  const die = () => { const foreign = open(native); console.log("before"); foreign.words[0]; console.log("after"); };
`;

function runBars(
  body: string,
  env: NodeJS.ProcessEnv = {},
): {
  signal: NodeJS.Signals | null;
  status: number | null;
  stdout: string;
  stderr: string;
} {
  const { signal, status, stdout, stderr } = runChild(bars + body, { SECOND: secondCopy, ...env });
  return { signal, status, stdout, stderr };
}

const killed = { signal: "SIGBUS", status: null, stdout: "before\n", stderr: "" };

describe("a bus error that is nobody's", () => {
  it.each([
    ["without a claim", "die();"],
    ["beside a claim", "open(native).claim(); die();"],
    [
      "after the claim was given up",
      "const bar = open(native); native.releaseFaults(bar.claim()); console.log('before'); bar.words[0]; console.log('after');",
    ],
    [
      "in a worker",
      `open(native).claim();
      const { Worker } = require("node:worker_threads");
      const addon = Object.keys(require.cache).find((file) => file.endsWith(".node"));
      console.log("before");
      new Worker("const n = require(" + JSON.stringify(addon) + "); const fd = n.memfd('b', 0, 0, 0); new Int32Array(n.view(n.mmap(4096, 3, 1, fd, 0), 4096))[0]; console.log('after')", { eval: true });`,
    ],
    ["with two copies of the addon", "open(native).claim(); open(second).claim(); die();"],
    [
      "with two copies that were each put on top of the other, often",
      `
      for (let i = 0; i < 50; i++) { open(native).claim(); open(second).claim(); } open(native).claim(); die();`,
    ],
    [
      "sent by another process",
      "open(native).claim(); open(second).claim(); console.log('before'); process.kill(process.pid, 'SIGBUS'); setTimeout(() => console.log('after'), 50);",
    ],
    [
      "after process.on() and off()",
      `open(native).claim(); const f = () => {}; process.on("SIGBUS", f); process.off("SIGBUS", f); open(native).claim(); die();`,
    ],
  ])("still kills the process, %s", (_when, body) => {
    expect(runBars(body)).toEqual(killed);
  });

  it("reaches process.on() if somebody sent it", () => {
    const body = `process.on("SIGBUS", () => { console.log("heard"); process.exit(7); });
      const bar = open(native); bar.claim(); console.log(bar.words[0]);
      process.kill(process.pid, "SIGBUS"); setTimeout(() => {}, 1000);`;
    expect(runBars(body)).toEqual({ signal: null, status: 7, stdout: "-1\nheard\n", stderr: "" });
  });
});

describe("the handler", () => {
  it("serves the claims of two copies of the addon, whoever came last", () => {
    const body = `const a = open(native), b = open(second), c = open(native), d = open(second);
      a.claim(); b.claim(); const first = [a.words[0], b.words[0]];
      c.claim(); d.claim(); console.log(first.join(), c.words[0], d.words[0]);`;
    expect(runBars(body)).toEqual({ signal: null, status: 0, stdout: "-1,-1 -1 -1\n", stderr: "" });
  });

  it("stays when the only worker that had the addon has ended", () => {
    const body = `const { Worker } = require("node:worker_threads");
      const claim = "const n = require(process.env.SECOND); n.claimFaults(n.mmap(4096, 3, 1, n.memfd('b', 4096, 0, 0), 0), 4096);";
      new Worker(claim, { eval: true }).on("exit", die);`;
    expect(runBars(body.replace("SECOND", "THIRD"), { THIRD: thirdCopy })).toEqual(killed);
  });

  it("is put back by the next claim after process.on() took its place", () => {
    const body = `const bars = [open(native), open(native)];
      bars[0].claim(); process.on("SIGBUS", () => {}); bars[1].claim();
      console.log(bars[0].words[0], bars[1].words[0]); process.exit(0);`;
    expect(runBars(body)).toEqual({ signal: null, status: 0, stdout: "-1 -1\n", stderr: "" });
  });

  it("serves a worker whose claim is its own", async () => {
    const worker = startWorker(`
      const fd = native.memfd("bar", 4096, 0, 0);
      const bar = mapped(fd, 1);
      const flag = new Int32Array(native.faultFlag(native.claimFaults(bar.address, bar.length)));
      fs.ftruncateSync(fd, 0);
      parentPort.postMessage([bar.words[0], flag[0]]);
      setInterval(() => {}, 1000);`);
    const [values] = await once(worker, "message");
    expect(values).toEqual([-1, 1]);
    await worker.terminate();
  });
});
