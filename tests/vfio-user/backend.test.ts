import { once } from "node:events";
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { deviceBuffer, Edu } from "@userpci/edu";
import { type BackendDevice, isPciError } from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import type { DmaLog, Migration } from "@userpci/vfio-native";
import { vfioUser } from "@userpci/vfio-user/client";
import { openDevice, type ReleaseRequest } from "userpci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noPrograms, SocketFolder } from "./c-programs.ts";
import { CServer } from "./c-server.ts";

const folder = new SocketFolder();
afterAll(() => folder[Symbol.dispose]());

/** Offsets in BAR 0 of the device in C (benchmarks/c/vfio-user/device.h). */
const at = {
  SCRATCH: 4,
  SCRATCH64: 8,
  DOORBELL: 0x10,
  DOORBELLS: 0x14,
  ADDRESS: 0x20,
  SIZE: 0x28,
  COMMAND: 0x2c,
  STATUS: 0x30,
};
const FROM_MEMORY = 1;
const TO_MEMORY = 2;
const BUSY = 1;

describe("a client of the server in a worker", () => {
  const path = folder.socket();
  const nvmePath = folder.socket();
  let worker: Worker;
  beforeAll(async () => {
    worker = new Worker(new URL("edu-worker.mjs", import.meta.url), {
      workerData: { path, nvmePath },
    });
    await once(worker, "message");
  });
  afterAll(async () => {
    const exited = once(worker, "exit");
    worker.postMessage("close");
    await exited;
  });

  it("drives edu by its path alone, by polling and by interrupts, with DMA", async () => {
    await using device = await openDevice(path, { dmaBits: 28 });
    using edu = Edu.attach(device);
    expect(edu.isAlive()).toBe(true);
    expect(await edu.factorial(10)).toBe(3_628_800);
    await using buffer = await device.dma.alloc(4096);
    buffer.bytes.set([1, 2, 3, 4]);
    await edu.copyIn(buffer, 4);
    buffer.bytes.fill(0);
    await edu.copyOut(buffer, 4);
    expect([...buffer.bytes.subarray(0, 4)]).toEqual([1, 2, 3, 4]);
    using vectors = device.irqs.enable("msi");
    edu.useInterrupts(vectors.at(0));
    expect(await edu.factorial(12)).toBe(479_001_600);
  });

  it("reads a file that is no multiple of a page", async () => {
    await using device = await openDevice(path, { dmaBits: 28 });
    using edu = Edu.attach(device);
    const name = folder.socket();
    writeFileSync(name, Uint8Array.of(5, 6, 7));
    await using file = await device.dma.map({ path: name }, { readOnly: true });
    await using buffer = await device.dma.alloc(4096);
    await edu.copy(file.iova, BigInt(deviceBuffer.ADDRESS), 4, 0);
    await edu.copyOut(buffer, 4);
    expect([...buffer.bytes.subarray(0, 4)]).toEqual([5, 6, 7, 0]);
  });

  it("saves and resumes it by files, as with the kernel", async () => {
    await using device = await openDevice(path, { dmaBits: 28 });
    const { migration } = device.features as unknown as { readonly migration: Migration };
    device.config.command.update({ memory: true });
    const bar = device.bar(0).region();
    bar.write32(4, 0x1234);
    migration.go("STOP");
    using saved = migration.go("STOP_COPY")!;
    const state = readFileSync(saved.fd);
    migration.go("RUNNING");
    bar.write32(4, 1);
    using resumed = migration.go("RESUMING")!;
    writeSync(resumed.fd, state);
    migration.go("RUNNING");
    expect(bar.read32(4)).toBe(~0x1234 >>> 0);
  });

  it("can be resumed after bytes that were no state", async () => {
    await using device = await openDevice(nvmePath);
    const { migration } = device.features as unknown as { readonly migration: Migration };
    using saved = migration.go("STOP_COPY")!;
    const state = readFileSync(saved.fd);
    using wrong = migration.go("RESUMING")!;
    writeSync(wrong.fd, new Uint8Array(100));
    expect(() => migration.go("RUNNING")).toThrow("EINVAL");
    expect(migration.state()).toBe("ERROR");
    await device.reset();
    expect(migration.state()).toBe("RUNNING");
    using resumed = migration.go("RESUMING")!;
    await device.reset();
    expect(resumed.closed).toBe(false);
    using again = migration.go("RESUMING")!;
    writeSync(again.fd, state);
    migration.go("RUNNING");
    expect(migration.state()).toBe("RUNNING");
  });
});

/** Opens the device in C, turns on what it needs, and has `work` done with it. */
async function withC(
  options: Parameters<typeof vfioUser>[1],
  work: (device: BackendDevice) => unknown,
  ...args: "--messages"[]
): Promise<void> {
  await using server = await CServer.start(folder.socket(), ...args);
  await using backend = vfioUser(server.path, options);
  await using device = await backend.open(server.path);
  const config = device.region(7);
  config.write16(4, config.read16(4) | 6);
  await work(device);
}

describe.skipIf(noPrograms)("a client of the server in C", () => {
  it("accesses registers in every width, mapped and by messages", () =>
    withC({}, (device) => {
      using bar = device.mapRegion(0);
      bar.write64(at.SCRATCH64, 0x1122_3344_5566_7788n);
      expect([bar.read64(at.SCRATCH64), bar.read32(at.SCRATCH64)]).toEqual([
        0x1122_3344_5566_7788n,
        0x5566_7788,
      ]);
      using memory = device.mapRegion(2);
      memory.write32(0x1000, 7);
      memory.write32(0x2000, 8);
      const slow = device.region(2);
      expect([slow.read32(0x1000), slow.read32(0x2000), memory.read32(0x2000)]).toEqual([7, 8, 8]);
    }));

  it.each([
    ["shares its memory", {}, []],
    ["answers for its memory", {}, ["--messages"]],
    ["answers for its memory by the server's own socket", { twinSocket: true }, ["--messages"]],
  ] as const)("%s, both ways", (_what, options, args) =>
    withC(
      options,
      (device) => {
        using memory = device.memory.alloc(4096);
        using mapping = device.domain.mapSync(memory);
        const bytes = new Uint8Array(memory.buffer);
        bytes.set([5, 6, 7, 8]);
        const bar = device.region(0);
        const transfer = (offset: bigint, command: number): void => {
          const address = mapping.iova + offset;
          bar.write32(at.ADDRESS, Number(address & 0xffff_ffffn));
          bar.write32(at.ADDRESS + 4, Number(address >> 32n));
          bar.write32(at.SIZE, 4);
          bar.write32(at.COMMAND, command);
          // Its DMA by messages goes on while it answers.
          while (bar.read32(at.STATUS) === BUSY);
          expect(bar.read32(at.STATUS)).toBe(0);
        };
        transfer(0n, FROM_MEMORY);
        transfer(64n, TO_MEMORY);
        expect([...bytes.subarray(64, 68)]).toEqual([5, 6, 7, 8]);
      },
      ...args,
    ),
  );

  it("posts writes, in order with what follows", () =>
    withC({ postedWrites: "always" }, (device) => {
      const bar = device.region(0);
      using target = device.createIrqTarget();
      device.setIrqs("msix", 1, [target]);
      for (let i = 1; i <= 200; i++) bar.write32(at.DOORBELL, 1);
      expect(bar.read32(at.DOORBELLS)).toBe(200);
      expect(target.take()).toBe(200);
    }));

  it("writes many registers at once", async () => {
    await using server = await CServer.start(folder.socket());
    await using backend = vfioUser(server.path);
    await using device = await backend.open(server.path);
    backend.writeMulti(device, [
      { region: 7, offset: 4, width: 2, value: 6 },
      { region: 0, offset: at.SCRATCH, width: 4, value: -1 },
      { region: 0, offset: at.SCRATCH64, width: 8, value: 0x1122_3344_5566_7788n },
    ]);
    using bar = device.mapRegion(0);
    expect([device.region(7).read16(4), bar.read32(at.SCRATCH)]).toEqual([6, 0xffff_ffff]);
    expect(bar.read64(at.SCRATCH64)).toBe(0x1122_3344_5566_7788n);
    const past = { region: 0, offset: 4096, width: 4, value: 0 } as const;
    expect(() => backend.writeMulti(device, [past])).toThrow(
      expect.objectContaining({ code: "ERR_OUT_OF_RANGE" }),
    );
    let multi = await server.seen();
    while (multi.command !== 15) multi = await server.seen();
    expect(multi.body).toBe(
      "0300000000000000" +
        "040000000000000007000000020000000600000000000000" +
        "04000000000000000000000004000000ffffffff00000000" +
        "080000000000000000000000080000008877665544332211",
    );
  });

  it("tells which pages the device wrote", () =>
    withC({}, (device) => {
      const { dmaLog } = device.features as unknown as { readonly dmaLog: DmaLog };
      using memory = device.memory.alloc(8 * 4096);
      using mapping = device.domain.mapSync(memory);
      const range = { start: mapping.iova, last: mapping.iova + BigInt(mapping.size) - 1n };
      expect(dmaLog.start([range])).toBe(4096);
      const address = mapping.iova + 3n * 4096n;
      const bar = device.region(0);
      bar.write32(at.ADDRESS, Number(address & 0xffff_ffffn));
      bar.write32(at.ADDRESS + 4, Number(address >> 32n));
      bar.write32(at.SIZE, 4);
      bar.write32(at.COMMAND, TO_MEMORY);
      while (bar.read32(at.STATUS) === BUSY);
      expect([...dmaLog.read(range)]).toEqual([1 << 3]);
      expect([...dmaLog.read(range)]).toEqual([0]);
      dmaLog.stop();
    }));

  it("saves and resumes a device by files, as with the kernel", () =>
    withC({}, (device) => {
      const { migration } = device.features as unknown as { readonly migration: Migration };
      const bar = device.region(0);
      bar.write32(at.SCRATCH, 0x1234);
      migration.go("STOP");
      using saved = migration.go("STOP_COPY")!;
      const state = readFileSync(saved.fd);
      expect(state.length).toBeGreaterThan(256);
      migration.go("STOP");
      migration.go("RUNNING");
      bar.write32(at.SCRATCH, 1);
      migration.go("STOP");
      using resumed = migration.go("RESUMING")!;
      writeSync(resumed.fd, state);
      migration.go("STOP");
      migration.go("RUNNING");
      expect(migration.state()).toBe("RUNNING");
      expect(bar.read32(at.SCRATCH)).toBe(0x1234);
    }));

  it("is told what the server's end means, whenever it is killed", async () => {
    const before = openSync("/dev/null", "r");
    closeSync(before);
    for (const step of ["idle", "calling"] as const) {
      const server = await CServer.start(folder.socket());
      await using backend = vfioUser(server.path);
      await using device = await backend.open(server.path);
      using memory = device.memory.alloc(4096);
      device.domain.mapSync(memory);
      process.kill(server.pid, "SIGKILL");
      if (step === "idle") await new Promise((resolve) => setTimeout(resolve, 20));
      const error = await new Promise((resolve) => {
        try {
          for (;;) device.region(0).read32(0);
        } catch (caught) {
          resolve(caught);
        }
      });
      expect(isPciError(error, "ERR_DEVICE_GONE")).toBe(true);
      await device.close();
      await server[Symbol.asyncDispose]();
    }
    const after = openSync("/dev/null", "r");
    closeSync(after);
    expect(after).toBe(before);
  });

  it("that waits for an interrupt without a time-out is woken when the server is killed", async () => {
    const server = await CServer.start(folder.socket());
    await using backend = vfioUser(server.path);
    await using device = await openDevice(server.path, { backend });
    const released: ReleaseRequest[] = [];
    device.onRelease((request) => void released.push(request));
    const waiting = device.irqs.enable("msix").at(0).wait();
    process.kill(server.pid, "SIGKILL");
    await expect(waiting).rejects.toEqual(failing("ERR_CLOSED"));
    const cause = failing("ERR_DEVICE_GONE", /^the server at .* closed the connection$/);
    expect(released).toEqual([expect.objectContaining({ address: server.path, cause })]);
    await server[Symbol.asyncDispose]();
  });
});
