import { mkdtemp, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex, duplexPair, PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FRAME, type Frame } from "./frame.ts";
import { Link } from "./link.ts";
import { LocalVm } from "./local-vm.ts";
import type { Qemu } from "./qemu.ts";

/** A QEMU whose guest is this test: frames arrive in `frames`, answers go through `guest`. */
class FakeQemu implements Qemu {
  readonly pid = 1;
  readonly console = new PassThrough();
  readonly qmp = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  readonly agent: Duplex;
  readonly guest: Link;
  readonly frames: Frame[] = [];
  readonly exited: Qemu["exited"];
  end!: (how: string, stderr?: string) => void;

  constructor() {
    const [host, guest] = duplexPair();
    this.agent = host;
    this.guest = new Link(guest, guest, { onFrame: (frame) => this.frames.push(frame), onClose: () => {} });
    this.exited = new Promise((resolve) => {
      this.end = (how, stderr = "") => resolve({ how, stderr });
    });
  }

  kill(): void {
    this.end("killed by SIGKILL");
  }
}

let qemu: FakeQemu;
let vm: LocalVm;
let directory: string;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  directory = await mkdtemp(join(tmpdir(), "userpci-fake-"));
  qemu = new FakeQemu();
  vm = new LocalVm(qemu, { directory, exchange: directory, trace: join(directory, "trace") });
});
afterEach(async () => {
  await vm.close();
  vi.useRealTimers();
});

async function up(): Promise<void> {
  const ready = vm.ready(1000);
  await qemu.guest.sendJson(FRAME.ready, 0, {});
  await ready;
}

test("a guest that stays silent fails the boot with its console, and QEMU is ended", async () => {
  qemu.console.write("Booting from ROM..\r\n");
  const ready = vm.ready(1000);
  ready.catch(() => {});
  await vi.advanceTimersByTimeAsync(1001);
  await expect(ready).rejects.toMatchObject({
    code: "ERR_TESTBED_BOOT",
    log: expect.stringContaining("Booting from ROM.."),
  });
  await expect(qemu.exited).resolves.toMatchObject({ how: "killed by SIGKILL" });
});

test("a boot is given up by a signal, also by one that came before", async () => {
  const given = new AbortController();
  const ready = vm.ready(1000, given.signal);
  given.abort(new Error("given up"));
  await expect(ready).rejects.toThrow("given up");
  await expect(vm.ready(1000, AbortSignal.abort(new Error("long since")))).rejects.toThrow("long since");
});

test("a guest that stops answering is found without any time limit on the command", async () => {
  await up();
  const running = vm.run(["sleep", "forever"], { timeoutMs: 0 });
  running.catch(() => {});
  qemu.console.write("last words\n");
  await vi.advanceTimersByTimeAsync(75_000);
  await expect(running).rejects.toMatchObject({
    code: "ERR_TESTBED_HUNG",
    log: expect.stringContaining("last words"),
  });
});

test.each([-1, 2 ** 31, Number.NaN])(
  "a limit of %d ms, which no timer keeps, starts nothing",
  async (timeoutMs) => {
    await up();
    await expect(vm.run(["true"], { timeoutMs })).rejects.toMatchObject({
      code: "ERR_TESTBED_ARGUMENT",
      hint: expect.stringContaining("2147483647"),
    });
    expect(qemu.frames).toEqual([]);
  },
);

test("a guest that answers its heartbeat may run a command for as long as it likes", async () => {
  await up();
  const running = vm.run(["sleep", "forever"], { timeoutMs: 0 });
  for (let minute = 0; minute < 10; minute++) {
    await vi.advanceTimersByTimeAsync(60_000);
    for (const { type, id } of qemu.frames.splice(0))
      if (type === FRAME.ping) await qemu.guest.send(FRAME.pong, id);
    await vi.advanceTimersByTimeAsync(0);
  }
  await qemu.guest.sendJson(FRAME.exit, 1, { code: 0, signal: null });
  await expect(running).resolves.toMatchObject({ code: 0 });
});

test("QEMU's own end is told with what it printed", async () => {
  await up();
  const running = vm.run(["true"]);
  qemu.end("killed by SIGABRT", "iotlb_to_section: Assertion failed\n");
  await expect(running).rejects.toMatchObject({
    code: "ERR_TESTBED_EXITED",
    summary: expect.stringMatching(/SIGABRT.*iotlb_to_section/),
  });
});

test("a step of the guest's boot that failed is the error", async () => {
  const ready = vm.ready(1000);
  ready.catch(() => {});
  qemu.console.write("testbed: boot failed: mounting the overlay\n");
  await vi.advanceTimersByTimeAsync(3001);
  await expect(ready).rejects.toMatchObject({ code: "ERR_TESTBED_BOOT" });
});

test("output, status and DMA faults survive until and after the close", async () => {
  await up();
  const running = vm.run(["true"]);
  await vi.waitFor(() => expect(qemu.frames.map(({ type }) => type)).toContain(FRAME.spawn));
  const { id } = qemu.frames.find(({ type }) => type === FRAME.spawn)!;
  await qemu.guest.send(FRAME.stdout, id, "out");
  await qemu.guest.send(FRAME.stderr, id, "err");
  await qemu.guest.sendJson(FRAME.exit, id, { code: 3, signal: null });
  expect(await running).toMatchObject({ code: 3, signal: null, stdout: "out", stderr: "err" });
  await writeFile(join(directory, "trace"), "vtd_dmar_fault sid 0x20 fault 5 addr 0x1000 write 1\n");
  await vm.close();
  expect(await vm.dmaFaults()).toEqual([{ requester: "00:04.0", reason: 5, address: 0x1000n, write: true }]);
  expect(await readdir(tmpdir())).not.toContain(directory.split("/").at(-1));
});
