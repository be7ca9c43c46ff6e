import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { DmaBytes } from "@userpci/interface";
import { expectCode, expectRejection } from "../harness/expect.ts";
import { holdings } from "../harness/process.ts";
import { guestSuite } from "../harness/suite.ts";
import { USER } from "../machines.ts";
import { SIZE, withDma } from "./scene.ts";

const PAGE = 4096;
const MIB = 2 ** 20;

/** Bytes that begin at a page boundary. */
function pages(count: number): Uint8Array<SharedArrayBuffer> {
  const Growable = SharedArrayBuffer as new (size: number, options: object) => SharedArrayBuffer;
  return new Uint8Array(new Growable(count * PAGE, { maxByteLength: count * PAGE }));
}

function collect(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

/** Runs `test` with the path of a file in memory, which the device may then write too. */
async function withFile(content: Buffer, test: (path: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync("/dev/shm/userpci-");
  const path = join(folder, "file");
  writeFileSync(path, content);
  try {
    await test(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  users: [USER],
  tests: {
    "the device reads and writes bytes of every kind, in place": () =>
      withDma(async ({ dma, copy }) => {
        const { Memory } = Reflect.get(globalThis, "WebAssembly");
        const kinds: Record<string, DmaBytes> = {
          "a Uint8Array": new Uint8Array(2 * PAGE),
          "a large Buffer": Buffer.alloc(16 * PAGE),
          "an ArrayBuffer": new ArrayBuffer(2 * PAGE),
          "a SharedArrayBuffer": new SharedArrayBuffer(2 * PAGE),
          "a SharedArrayBuffer that can grow": pages(2),
          "a Float64Array": new Float64Array(PAGE),
          "WebAssembly's memory": new Memory({ initial: 1 }).buffer,
        };
        for (const [kind, bytes] of Object.entries(kinds)) {
          await using buffer = await dma.map(bytes, { exposeNeighbours: true });
          assert.equal(buffer.size, bytes.byteLength, kind);
          const own = ArrayBuffer.isView(bytes)
            ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
            : new Uint8Array(bytes);
          own.set(randomBytes(SIZE));
          await copy(buffer.iova, buffer.iova + 1024n);
          assert.deepEqual(own.slice(1024, 1024 + SIZE), own.slice(0, SIZE), kind);
          assert.equal(holdings().pinned, buffer.pinnedBytes, kind);
          await buffer.close();
          assert.equal(holdings().pinned, 0, kind);
          assert.deepEqual(own.slice(1024, 1024 + SIZE), own.slice(0, SIZE), `${kind}, closed`);
        }
      }),

    "pages that nobody has touched are the program's and the device's alike": () =>
      withDma(async ({ dma, copy }) => {
        const bytes = new Uint8Array(16 * MIB);
        await using source = await dma.map(bytes, {
          exposeNeighbours: true,
          direction: "to-device",
          size: 8 * MIB,
        });
        await using target = await dma.map(bytes, {
          exposeNeighbours: true,
          direction: "from-device",
          offset: 8 * MIB,
        });
        bytes.set(randomBytes(SIZE), 5 * MIB);
        await copy(source.iova + BigInt(5 * MIB), target.iova + BigInt(5 * MIB));
        assert.deepEqual(bytes.slice(13 * MIB, 13 * MIB + SIZE), bytes.slice(5 * MIB, 5 * MIB + SIZE));
      }),

    "bytes that are not whole pages are refused, with those of them that are": () =>
      withDma(async ({ dma }) => {
        const bytes = new Uint8Array(4 * PAGE);
        const error = await expectRejection("ERR_MISALIGNED", () => dma.map(bytes));
        const [, from, to] = /bytes\.subarray\((\d+), (\d+)\)/.exec(error.hint!)!;
        using buffer = dma.mapSync(bytes.subarray(Number(from), Number(to)));
        assert.equal(buffer.size, 3 * PAGE);
        assert.equal(buffer.pinnedBytes, 3 * PAGE);
        expectCode("ERR_MISALIGNED", () => dma.mapSync(Buffer.from("pooled")));
      }),

    "a device reaches the bytes, wherever JavaScript takes their buffer": () =>
      withDma(async ({ dma, read, write }) => {
        const ways: Record<string, (bytes: Uint8Array<ArrayBuffer>) => ArrayBuffer | undefined> = {
          collected: () => undefined,
          transferred: ({ buffer }) => structuredClone(buffer, { transfer: [buffer] }),
        };
        const untouched = Buffer.alloc(64 * PAGE);
        for (const [way, leave] of Object.entries(ways)) {
          const mapped = (() => {
            const bytes = new Uint8Array(64 * PAGE).fill(7);
            return { buffer: dma.mapSync(bytes, { exposeNeighbours: true }), moved: leave(bytes) };
          })();
          collect();
          const others = Array.from({ length: 50 }, () => Buffer.alloc(64 * PAGE));
          await using source = await dma.alloc(PAGE);
          source.bytes.fill(0xee);
          await read(source.iova);
          for (const at of [0, 31, 62]) await write(mapped.buffer.iova + BigInt(at * PAGE));
          assert.ok(
            others.every((other) => other.equals(untouched)),
            `${way}: nobody else's memory was written`,
          );
          if (mapped.moved) assert.equal(new Uint8Array(mapped.moved)[SIZE - 1], 0xee, way);
          await mapped.buffer.close();
        }
      }),

    "a fork takes nothing away from the device: it sees what the parent writes, and the reverse": () =>
      withDma(async ({ dma, copy }) => {
        const kinds = {
          "allocated memory": dma.allocSync(8 * PAGE),
          "a caller's bytes": dma.mapSync(new Uint8Array(8 * PAGE), { exposeNeighbours: true }),
          "shared bytes": dma.mapSync(pages(8)),
        };
        for (const [kind, { bytes, iova }] of Object.entries(kinds)) {
          // The first and the last page are shared with other things: no advice keeps them from a child.
          for (const at of [0, 3 * PAGE, 8 * PAGE - 2 * SIZE]) {
            bytes.set(randomBytes(SIZE), at);
            assert.equal(spawnSync("/bin/true").status, 0, `${kind}: a child starts`);
            bytes.set(randomBytes(SIZE), at);
            await copy(iova + BigInt(at), iova + BigInt(at + SIZE));
            assert.deepEqual(
              bytes.slice(at + SIZE, at + 2 * SIZE),
              bytes.slice(at, at + SIZE),
              `${kind} at ${at}`,
            );
          }
        }
      }),

    "the device reads and writes a file": () =>
      withFile(randomBytes(2 * PAGE + 100), async (path) =>
        withDma(async ({ dma, copy }) => {
          await using buffer = await dma.map({ path }, { label: "file" });
          assert.equal(buffer.size, 2 * PAGE + 100);
          assert.equal(buffer.pinnedBytes, 3 * PAGE);
          await copy(buffer.iova, buffer.iova + BigInt(PAGE));
          const content = readFileSync(path);
          assert.deepEqual(content.subarray(PAGE, PAGE + SIZE), content.subarray(0, SIZE));
          const fd = openSync(path, "r+");
          await using part = await dma.map({ fd }, { offset: PAGE, size: SIZE });
          closeSync(fd);
          assert.deepEqual(Buffer.from(part.bytes), content.subarray(PAGE, PAGE + SIZE));
        }),
      ),

    "of a file that may only be read the device reads, and nothing is written": () =>
      withFile(randomBytes(2 * PAGE), async (path) =>
        withDma(async ({ dma, copy, write }) => {
          const content = readFileSync(path);
          chmodSync(path, 0o444);
          if (process.getuid!() !== 0) await expectRejection("EACCES", () => dma.map({ path }));
          await using buffer = await dma.map({ path }, { readOnly: true });
          assert.equal(buffer.direction, "to-device");
          await using target = await dma.alloc(PAGE);
          await copy(buffer.iova + 512n, target.iova);
          assert.deepEqual(Buffer.from(target.bytes.subarray(0, SIZE)), content.subarray(512, 512 + SIZE));
          buffer.bytes.fill(0);
          await write(buffer.iova);
          assert.deepEqual(readFileSync(path), content);
          await expectRejection("ERR_INVALID_ARGUMENT", () =>
            dma.map({ path }, { readOnly: true, direction: "bidirectional" }),
          );
        }),
      ),

    "the device reads a file of a disk, which it may not write": () =>
      withDma(async ({ dma, copy }) => {
        // Node itself, on the file system that the guest has from the host.
        await using program = await dma.map({ path: process.execPath }, { readOnly: true, size: 2 * PAGE });
        await using target = await dma.alloc(PAGE);
        for (const at of [0, PAGE + 1024]) {
          await copy(program.iova + BigInt(at), target.iova);
          assert.deepEqual(target.bytes.slice(0, SIZE), program.bytes.slice(at, at + SIZE));
        }
        assert.deepEqual([...target.bytes.subarray(SIZE)], new Array(PAGE - SIZE).fill(0));
        await copy(program.iova, target.iova);
        assert.equal(Buffer.from(target.bytes.subarray(1, 4)).toString(), "ELF");
      }),

    "what was made of bytes and files is gone when the device closes": async () => {
      const before = holdings();
      await withFile(randomBytes(PAGE), async (path) => {
        const bytes = pages(4);
        await withDma(async ({ dma }) => {
          await dma.map(bytes);
          await dma.map({ path });
          await dma.map({ path }, { readOnly: true });
          assert.equal(holdings().pinned, 6 * PAGE);
          await expectRejection("ERR_IOVA_RANGE", () => dma.map(bytes, { iova: (2n ** 63n) as never }));
        });
        bytes[0] = 1;
      });
      assert.deepEqual(holdings(), before);
    },
  },
});
