import { fileURLToPath } from "node:url";
import { serve } from "@userpci/vfio-user/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { peer } from "./benchmarks.ts";
import { CClient } from "./c-client.ts";
import { noPrograms, SocketFolder } from "./c-programs.ts";
import { scenarios } from "./golden/index.ts";
import { LineProcess } from "./line-process.ts";
import { checkMigration } from "./migration.ts";
import { Player } from "./scenario.ts";

const blockingServer = fileURLToPath(new URL("../../benchmarks/dist/vfio-user/server.js", import.meta.url));

/** Something that serves the device of `peer()` at a path. */
type Start = (path: string) => Promise<AsyncDisposable>;

const onLoop: Start = (path) => serve(peer(), { path });

/** A thread that blocks is no thread for tests. */
const blocking: Start = async (path) => {
  const server = new LineProcess(process.execPath, [blockingServer, path, "blocking", "mappable"]);
  expect(await server.line()).toBe("listening");
  return server;
};

describe.skipIf(noPrograms).each([
  ["on the event loop", onLoop, true],
  // It waits for one socket.
  ["in a thread that blocks", blocking, false],
])("the client in C against our server %s", (_mode, start, hasTwin) => {
  const folder = new SocketFolder();
  const path = folder.socket();
  let server: AsyncDisposable;
  beforeAll(async () => {
    server = await start(path);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  const played = scenarios.filter(({ twin }) => hasTwin || !twin);
  it.each(played.map((scenario) => [scenario.name, scenario] as const))("%s", async (_name, scenario) => {
    await using client = new CClient(path);
    const player = new Player(client);
    const { reply, capabilities } = await player.greet(scenario.twin);
    expect(capabilities).toMatchObject({ max_data_xfer_size: 2 ** 20, write_multiple: true });
    expect(reply.fds).toEqual(scenario.twin ? ["r0"] : []);
    await player.play(scenario);
  });

  if (!hasTwin)
    it("has no twin socket to offer", async () => {
      await using client = new CClient(path);
      const { reply, capabilities } = await new Player(client).greet(true);
      expect(reply.fds).toEqual([]);
      expect(capabilities).not.toHaveProperty("twin_socket");
    });

  it("a device's state goes from one to another, in the middle of its DMA", async () => {
    const other = folder.socket();
    await using _server = await start(other);
    await checkMigration(path, other);
  });
});
