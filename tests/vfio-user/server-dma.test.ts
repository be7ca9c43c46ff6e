import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { DeviceModel, ModelDevice, Task } from "@userpci/device-model";
import { commands, encodeReply } from "@userpci/vfio-user/protocol";
import { serve } from "@userpci/vfio-user/server";
import { expect, it } from "vitest";
import { peer } from "../../benchmarks/src/vfio-user/model.ts";
import { SocketFolder } from "./c-programs.ts";
import { LineProcess } from "./line-process.ts";
import { RawClient, type RawMessage } from "./raw-client.ts";

const blockingServer = fileURLToPath(new URL("../../benchmarks/dist/vfio-user/server.js", import.meta.url));

const BUS_MASTER = Uint8Array.of(6, 0);
const COMMAND = { region: 7, offset: 4n, count: 2 } as const;
const MAP = { argsz: 32, flags: 3, offset: 0n, address: 0n, size: 2n ** 21n } as const;

/** The client's answer to a DMA_READ, or to a DMA_WRITE. */
function answerTo({ header, body }: RawMessage): Uint8Array {
  const view = new DataView(body.buffer, body.byteOffset);
  const values = { address: view.getBigUint64(0, true), count: view.getBigUint64(8, true) };
  if (header.command === commands.dmaWrite.number) return encodeReply("dmaWrite", header.id, values);
  return encodeReply("dmaRead", header.id, values, new Uint8Array(Number(values.count)).fill(7));
}

/** A device that reads half a MiB and writes another at the same time; its registers say what of that is done. */
function bothWays(): DeviceModel {
  const size = 2 ** 19;
  const bytes = new Uint8Array(4);
  const create = (device: ModelDevice) => {
    function* read(): Task {
      const target = new Uint8Array(size);
      yield* device.dma.read(0n, target);
      bytes[0] = target.every((byte) => byte === 7) ? 1 : 0xff;
    }
    function* write(): Task {
      yield* device.dma.write(BigInt(size), new Uint8Array(size));
      bytes[1] = 1;
    }
    return {
      bars: {
        0: {
          read: (offset: number) => bytes[offset] ?? 0,
          write: () => {
            device.run(read());
            device.run(write());
          },
        },
      },
      reset: () => bytes.fill(0),
    };
  };
  return {
    name: "both-ways",
    config: { vendorId: 0x1234, deviceId: 0x7c03, classCode: 0xff0000 },
    bars: { 0: { kind: "memory32", size: 4096 } },
    create,
  };
}

/** Sends all of a message, and reads nothing until it is sent, as programs do that block. */
async function sendAll(client: RawClient, bytes: Uint8Array): Promise<void> {
  for (let sent = 0, tries = 0; sent < bytes.length; tries++) {
    if (tries > 1000) throw new Error(`the server takes no more than ${sent} of ${bytes.length} bytes`);
    const some = client.send(bytes.subarray(sent));
    sent += some;
    if (some === 0) await sleep(1);
  }
}

it("a client that reads nothing while it answers does not wait for a server that waits for it", async () => {
  using folder = new SocketFolder();
  await using server = await serve(bothWays(), { path: folder.socket() });
  using client = await RawClient.open(server.path, { maxDataXferSize: 2 ** 20 });
  await client.call("regionWrite", COMMAND, BUS_MASTER);
  await client.call("dmaMap", MAP);
  await client.call("regionWrite", { region: 0, offset: 0n, count: 1 }, Uint8Array.of(1));
  const asked = await client.next();
  expect(asked?.header.command).toBe(commands.dmaRead.number);
  await sendAll(client, answerTo(asked!));
  await sendAll(client, answerTo((await client.next())!));
  for (const offset of [0n, 1n]) {
    const done = async () => (await client.call("regionRead", { region: 0, offset, count: 1 })).body[16];
    await expect.poll(done).toBe(1);
  }
});

it("the answer to a write may be as short as the specification has it", async () => {
  using folder = new SocketFolder();
  await using server = await serve(peer(), { path: folder.socket() });
  using client = await RawClient.open(server.path);
  await client.call("regionWrite", COMMAND, BUS_MASTER);
  await client.call("dmaMap", MAP);
  await client.call("regionWrite", { region: 0, offset: 0x28n, count: 4 }, Uint8Array.of(16, 0, 0, 0));
  await client.call("regionWrite", { region: 0, offset: 0x2cn, count: 4 }, Uint8Array.of(2, 0, 0, 0));
  const asked = (await client.next())!;
  expect(asked.header.command).toBe(commands.dmaWrite.number);
  const answer = answerTo(asked).slice(0, 28);
  answer[4] = 28;
  client.send(answer);
  const status = async () =>
    (await client.call("regionRead", { region: 0, offset: 0x30n, count: 4 })).body[16];
  await expect.poll(status).toBe(0);
});

it("a server that blocks goes on with its DMA as soon as the client answers", async () => {
  using folder = new SocketFolder();
  const path = folder.socket();
  await using server = new LineProcess(process.execPath, [blockingServer, path, "blocking", "plain"]);
  expect(await server.line()).toBe("listening");
  using client = await RawClient.open(path, { maxDataXferSize: 64 });
  await client.call("regionWrite", COMMAND, BUS_MASTER);
  await client.call("dmaMap", MAP);
  await client.call("regionWrite", { region: 0, offset: 0x28n, count: 4 }, Uint8Array.of(0, 16, 0, 0));
  await client.call("regionWrite", { region: 0, offset: 0x2cn, count: 4 }, Uint8Array.of(1, 0, 0, 0));
  const waits: number[] = [];
  for (let n = 0; n < 4096 / 64; n++) {
    const begun = performance.now();
    client.send(answerTo((await client.next())!));
    waits.push(performance.now() - begun);
  }
  // Some of them, on a busy machine: a thread that slept for a message first would take 10 ms for each.
  expect(waits.sort((a, b) => a - b)[waits.length / 8]).toBeLessThan(5);
});
