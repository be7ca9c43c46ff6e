import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CClient } from "./c-client.ts";
import { noPrograms, SocketFolder } from "./c-programs.ts";
import { CServer } from "./c-server.ts";
import { scenarios } from "./golden/index.ts";
import { checkMigration } from "./migration.ts";
import { Player } from "./scenario.ts";

// Both ends in C: that the bytes are those of the specification, whatever ours do.
describe.skipIf(noPrograms)("the client in C against the server in C", () => {
  const folder = new SocketFolder();
  let server: CServer;
  beforeAll(async () => {
    server = await CServer.start(folder.socket());
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))("%s", async (_name, scenario) => {
    await using client = new CClient(server.path);
    const player = new Player(client);
    const { reply, capabilities } = await player.greet(scenario.twin);
    expect(capabilities).toMatchObject({ max_data_xfer_size: 2 ** 20, write_multiple: true });
    expect(reply.fds).toEqual(scenario.twin ? ["r0"] : []);
    await player.play(scenario);
  });

  it("a device's state goes from one to another, in the middle of its DMA", async () => {
    await using other = await CServer.start(folder.socket());
    await checkMigration(server.path, other.path);
  });
});
