import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { loadNative } from "./native.ts";
import { ended, message, runChild, startWorker } from "./test/environments.ts";

const native = loadNative();

/** Opens one of everything, and says where. */
const openAll = `
  const fds = [native.memfd("ledger", 4 * native.pageSize(), 0, 0), native.eventfd(0), native.dup(0),
    ...native.socketpair(constants.SOCK_STREAM), native.open("/dev/null", 0)];
  const mapping = mapped(fds[0], 4);
  native.munmap(mapping.address + native.pageSize(), native.pageSize());
  native.claimFaults(mapping.address, native.pageSize());
  parentPort?.postMessage({ fds, address: mapping.address, ledger: native.ledger() });
`;

interface Opened {
  readonly fds: number[];
  readonly address: number;
  readonly ledger: { descriptors: number; mappings: number };
}

function isMapped(address: number): boolean {
  const maps = readFileSync("/proc/self/maps", "utf8");
  return new RegExp(`^0*${address.toString(16)}-.*memfd:ledger`, "m").test(maps);
}

/** How many descriptors of namespaces this process has open. */
function openNamespaces(): number {
  const links = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ""; // the descriptor of the directory itself
    }
  });
  return links.filter((link) => /^(user|net):/.test(link)).length;
}

function leftOpen({ fds, address }: Opened): unknown[] {
  return [...fds.filter((fd) => existsSync(`/proc/self/fd/${fd}`)), ...(isMapped(address) ? [address] : [])];
}

describe("the end of a worker closes and unmaps everything it opened", () => {
  it.each([
    ["it ends by itself", `${openAll}`],
    ["it calls process.exit()", `${openAll} process.exit(0);`],
    ["it throws", `${openAll} throw new Error("deliberate");`],
    ["it is terminated while idle", `${openAll} setInterval(() => {}, 1000);`],
    ["it is terminated while busy", `${openAll} for (;;);`],
    ["it watches", `${openAll} native.watch(fds[1], 0, () => {});`],
    [
      "it has system calls under way",
      `${openAll} for (let i = 0; i < 50; i++) native.ioctlAsync(fds[5], 1, new Uint8Array(8));`,
    ],
  ])("when %s", async (_how, body) => {
    const worker = startWorker(body);
    worker.on("error", () => {});
    const exit = ended(worker);
    const opened = (await message(worker)) as Opened;
    expect(opened.ledger).toEqual({ descriptors: 6, mappings: 2 });
    await delay(5);
    await worker.terminate();
    await exit;
    expect(leftOpen(opened)).toEqual([]);
  });

  it("but nothing of another's", async () => {
    const fd = native.memfd("ledger", native.pageSize(), 0, 0);
    const worker = startWorker(
      `native.close(workerData); parentPort.postMessage(native.close(workerData));`,
      fd,
    );
    expect(await message(worker)).toBe(-9);
    await worker.terminate();
    expect(existsSync(`/proc/self/fd/${fd}`)).toBe(true);
    native.close(fd);
  });

  it("the last opened first", async () => {
    // The worker holds the last duplicate of one end of each pair; the loop here sees the other ends hang up in order.
    const pairs = [1, 2, 3, 4, 5].map(
      () => native.socketpair(native.constants.SOCK_STREAM) as [number, number],
    );
    const worker = startWorker(
      `workerData.forEach((fd) => native.dup(fd)); parentPort.postMessage(0); setInterval(() => {}, 1000);`,
      pairs.map(([, theirs]) => theirs),
    );
    await message(worker);
    for (const [, theirs] of pairs) native.close(theirs);
    const order: number[] = [];
    const watches = pairs.map(([ours], i) =>
      native.watch(ours, 1, () => {
        order.push(i);
        native.unwatch(watches[i]!);
      }),
    );
    // Until the loop has been round, the kernel has not been asked to look at them; the first turn may be the rest of a round.
    await turn();
    await turn();
    await worker.terminate();
    await expect.poll(() => order).toHaveLength(5);
    expect(order).toEqual([4, 3, 2, 1, 0]);
    for (const [ours] of pairs) native.close(ours);
  });

  it("a descriptor that an ioctl returns too late to be seen included", async () => {
    expect(openNamespaces()).toBe(0);
    const worker = startWorker(`
      const NS_GET_USERNS = 0xb701;
      const fd = native.open("/proc/self/ns/net", 0);
      for (let i = 0; i < 64; i++) native.ioctlAsync(fd, NS_GET_USERNS, new Uint8Array(8), true);
      process.exit(0);
    `);
    await ended(worker);
    expect(openNamespaces()).toBe(0);
  });
});

describe("the end of a process", () => {
  it.each([
    ["by itself", "", 0],
    ["by process.exit()", "process.exit(5);", 5],
    ["with a watch", "native.watchRef(native.watch(fds[1], 0, () => {}), false);", 0],
    [
      "with a worker that has as much open",
      `
      const { Worker } = require("node:worker_threads");
      const addon = Object.keys(require.cache).find((file) => file.endsWith(".node"));
      new Worker("const n = require(" + JSON.stringify(addon) + "); n.watch(n.eventfd(1), 0, () => {}); setInterval(() => {}, 9)", { eval: true });
      setTimeout(() => process.exit(6), 60);`,
      6,
    ],
  ])("is clean %s", (_how, body, status) => {
    const result = runChild(`const parentPort = undefined; ${openAll} ${body}`);
    expect(result).toMatchObject({ status, signal: null, stderr: "" });
  });
});
