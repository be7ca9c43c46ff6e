import { fileURLToPath } from "node:url";
import { failing } from "@userpci/interface/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { adoptIrqTarget } from "./adopt-irq-target.ts";
import { AdoptedLease } from "./eventfd-lease.ts";
import { EventfdTarget, type SharedEventfd } from "./eventfd-target.ts";
import { loadNative } from "./native.ts";
import { ended, message, runChild, startWorker } from "./test/environments.ts";

const native = loadNative();
let before = native.ledger();
beforeEach(() => {
  before = native.ledger();
});
afterEach(() => {
  expect(native.ledger()).toEqual(before);
});

/** Adopts an offer in a worker by the addon's own calls, as `AdoptedLease` does, and says so. */
const adopting = `
  const { fd, lease } = workerData;
  const socket = native.dup(lease.socket);
  const own = native.dup(fd);
  if (native.poll(Int32Array.of(socket), 0) !== 0) throw new Error("the lease is over");
  if (Atomics.compareExchange(new Int32Array(lease.state), 0, 0, 1) !== 0) throw new Error("taken");
  parentPort.postMessage("adopted");`;

describe("a shared eventfd", () => {
  it("is read by who adopts it, and by its own thread after that has closed it", () => {
    using target = new EventfdTarget(native);
    const own = adoptIrqTarget(target.share());
    target.signal(3);
    for (const read of [() => target.take(), () => target.waitSync(0), () => target.listen(() => {})]) {
      expect(read).toThrow(failing("ERR_IRQ_BUSY"));
    }
    expect([target.shared, own.take(), own.waitSync(1, 10)]).toEqual([true, 3, 0]);
    own.signal(2);
    own.close();
    own.close();
    expect([target.shared, target.take()]).toEqual([false, 2]);
    expect(() => own.take()).toThrow(failing("ERR_CLOSED"));
  });

  it("is adopted once, and an offer that was replaced or withdrawn is void", () => {
    using target = new EventfdTarget(native);
    const replaced = target.share();
    const offer = target.share();
    expect(() => adoptIrqTarget(replaced)).toThrow(failing("ERR_CLOSED"));
    const own = adoptIrqTarget(offer);
    expect(() => adoptIrqTarget(offer)).toThrow(failing("ERR_IRQ_BUSY"));
    expect(() => target.share()).toThrow(failing("ERR_IRQ_BUSY"));
    expect(() => target.unshare()).toThrow(failing("ERR_IRQ_BUSY"));
    expect(() => own.share?.()).toThrow(failing("ERR_NOT_SUPPORTED"));
    own.close();
    const withdrawn = target.share();
    target.unshare();
    target.unshare();
    expect(() => adoptIrqTarget(withdrawn)).toThrow(failing("ERR_CLOSED"));
    expect(target.take()).toBe(0);
  });

  it("is not offered while something listens", () => {
    using target = new EventfdTarget(native);
    target.listen(() => {});
    expect(() => target.share()).toThrow(failing("ERR_IRQ_BUSY"));
    expect(target.shared).toBe(false);
  });

  it("tells who adopted it that it was closed: on the event loop, by take and by a wait", async () => {
    const made = Array.from({ length: 3 }, () => new EventfdTarget(native));
    const [looped, taken, waited] = made.map((target) => adoptIrqTarget(target.share()));
    for (const target of made) target.close();
    expect(() => taken!.take()).toThrow(failing("ERR_CLOSED"));
    expect(() => waited!.waitSync(60_000)).toThrow(failing("ERR_CLOSED"));
    expect(looped!.closed).toBe(false);
    await expect.poll(() => looped!.closed, { timeout: 10_000 }).toBe(true);
    expect([taken!.closed, waited!.closed]).toEqual([true, true]);
  });

  it("hands over what had arrived before it says that it was closed", () => {
    const target = new EventfdTarget(native);
    const own = adoptIrqTarget(target.share());
    target.signal(4);
    target.close();
    expect(own.take()).toBe(4);
    expect(() => own.take()).toThrow(failing("ERR_CLOSED"));
  });

  it("hands over what arrived while it asked whether it was closed", () => {
    const made = Array.from({ length: 2 }, () => new EventfdTarget(native));
    const reads = made.map((target) => {
      const { fd, lease } = target.share();
      const adopted = new AdoptedLease(native, fd, lease);
      // Fires and closes after the counter was read.
      const ended = vi.spyOn(adopted, "ended", "get").mockImplementationOnce(() => {
        target.signal(4);
        target.close();
        ended.mockRestore();
        return adopted.ended;
      });
      return new EventfdTarget(native, { lease: adopted, ended: () => adopted.close() });
    });
    expect([reads[0]!.take(), reads[1]!.waitSync(1)]).toEqual([4, 4]);
    for (const own of reads) expect(() => own.take()).toThrow(failing("ERR_CLOSED"));
  });

  it("is never another file that took the number of a closed one", () => {
    const target = new EventfdTarget(native);
    const offer = target.share();
    target.close();
    const others = Array.from({ length: 8 }, () => native.eventfd(1));
    expect(others).toContain(offer.fd);
    expect(() => adoptIrqTarget(offer)).toThrow(failing("ERR_CLOSED"));
    for (const fd of others) native.close(fd);
    const pairs = Array.from({ length: 4 }, () => native.socketpair(native.constants.SOCK_STREAM));
    expect(pairs.flat()).toContain(offer.lease.socket);
    expect(() => adoptIrqTarget(offer)).toThrow(failing("ERR_CLOSED"));
    for (const fd of pairs.flat()) native.close(fd);
  });

  it("is given back once, whatever has its number by then", () => {
    using target = new EventfdTarget(native);
    const { fd, lease } = target.share();
    const adopted = new AdoptedLease(native, fd, lease);
    adopted.close();
    const others = Array.from({ length: 4 }, () => native.eventfd(1));
    expect(others).toContain(adopted.fd);
    adopted.close();
    expect(others.map((other) => native.close(other))).toEqual([0, 0, 0, 0]);
  });

  it.each([
    undefined,
    null,
    5,
    {},
    { type: "eventfd" },
    { type: "eventfd", fd: 1, lease: {} },
    { type: "x" },
  ])("is not %o", (shared) => {
    expect(() => adoptIrqTarget(shared as never)).toThrow(failing("ERR_INVALID_ARGUMENT"));
  });
});

describe("a worker", () => {
  it("reads what it adopted, and leaves it to the other thread when it ends", async () => {
    using target = new EventfdTarget(native);
    const worker = startWorker(
      `${adopting} parentPort.once("message", () => parentPort.postMessage(native.counterRead(own)));`,
      target.share(),
    );
    expect(await message(worker)).toBe("adopted");
    target.signal(5);
    expect(() => target.take()).toThrow(failing("ERR_IRQ_BUSY"));
    worker.postMessage("read");
    expect(await message(worker)).toBe(5);
    target.signal(2);
    await ended(worker);
    expect([target.shared, target.take()]).toEqual([false, 2]);
  });

  it.each([
    ["poll", "native.poll(Int32Array.of(own), 60000)"],
    ["counterWait", "native.counterWait(Int32Array.of(own), 60000, 0)"],
  ])("that is terminated in %s leaves it to the other thread, with what came since", async (_, wait) => {
    using target = new EventfdTarget(native);
    const worker = startWorker(`${adopting} ${wait};`, target.share());
    await message(worker);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const terminated = worker.terminate();
    target.signal(1);
    await terminated;
    expect(target.take()).toBe(1);
  });

  it.each(["process.exit(0)", "for (;;);"])("that offers and ends by %s ends it for others", async (end) => {
    const worker = startWorker(
      `const fd = native.eventfd(0);
       const [kept, socket] = native.socketpair(constants.SOCK_STREAM);
       const inode = fs.fstatSync(socket, { bigint: true }).ino;
       parentPort.postMessage({ type: "eventfd", fd, lease: { socket, inode, state: new SharedArrayBuffer(4) } });
       parentPort.once("message", () => { ${end} });`,
    );
    const own = adoptIrqTarget((await message(worker)) as SharedEventfd);
    const gone = ended(worker);
    worker.postMessage("end");
    if (end.startsWith("for")) void worker.terminate();
    await gone;
    // The peer's own copy of the socket keeps nothing alive: it is closed with the thread.
    expect(() => own.waitSync(60_000)).toThrow(failing("ERR_CLOSED"));
  });

  it("does not live on for what it has adopted", () => {
    const index = fileURLToPath(new URL("../dist/index.js", import.meta.url));
    const targets = fileURLToPath(new URL("../dist/eventfd-target.js", import.meta.url));
    const child = runChild(`(async () => {
      const { adoptIrqTarget } = await import(${JSON.stringify(index)});
      const { EventfdTarget } = await import(${JSON.stringify(targets)});
      const own = adoptIrqTarget(new EventfdTarget(native).share());
      own.listen((count) => { console.log(count); own.ref(false); });
      own.signal(3);
    })();`);
    expect(child).toMatchObject({ status: 0, stdout: "3\n", stderr: "" });
  });
});
