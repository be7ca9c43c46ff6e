import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Qmp } from "./qmp.ts";

interface Request {
  id: number;
  execute: string;
}

let folder: string;
let qemu: Socket;
let qmp: Qmp;
const requests: Request[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "userpci-qmp-"));
  const server = createServer().listen(join(folder, "s"));
  const client = connect(join(folder, "s"));
  [qemu] = (await once(server, "connection")) as [Socket];
  server.close();
  requests.length = 0;
  qemu.on("data", (bytes) => {
    for (const line of bytes.toString().split("\n")) if (line) requests.push(JSON.parse(line) as Request);
  });
  qmp = new Qmp(client);
});
afterEach(async () => {
  qemu.destroy();
  await rm(folder, { recursive: true });
});

async function request(name: string): Promise<Request> {
  for (;;) {
    const found = requests.find(({ execute }) => execute === name);
    if (found) return found;
    await once(qemu, "data");
  }
}

test("answers find their requests, past events and the greeting, in pieces", async () => {
  const status = qmp.execute("query-status");
  const { id } = await request("query-status");
  const bad = qmp.execute("bad");
  const { id: badId } = await request("bad");
  const text = `{"QMP":{}}\n{"event":"STOP"}\n{"error":{"class":"X","desc":"no such thing"},"id":${badId}}\n{"return":{"running":true},"id":${id}}\n`;
  for (let at = 0; at < text.length; at += 7) qemu.write(text.slice(at, at + 7));
  await expect(status).resolves.toEqual({ running: true });
  await expect(bad).rejects.toMatchObject({ code: "ERR_TESTBED_QMP", summary: "QMP bad: no such thing" });
  expect(requests[0]).toMatchObject({ execute: "qmp_capabilities" });
});

test("what is under way fails when QEMU goes, and so does what comes later", async () => {
  const status = qmp.execute("query-status");
  await request("query-status");
  qemu.destroy();
  await expect(status).rejects.toMatchObject({ code: "ERR_TESTBED_CLOSED" });
  await expect(qmp.execute("query-status")).rejects.toMatchObject({ code: "ERR_TESTBED_CLOSED" });
});
