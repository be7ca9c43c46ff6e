import { once } from "node:events";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { emulated } from "@userpci/device-model";
import { edu } from "@userpci/edu/model";
import { openDevice, openDeviceSync, type PciDevice } from "userpci";
import { parseTelemetry, readTelemetry, type TelemetrySnapshot } from "userpci/telemetry";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";

const ADDRESS = "0000:00:04.0";
const ID = 0x00;
const LIVENESS = 0x04;

// The socket of this process is opened once: one directory for all tests.
let directory = "";
beforeAll(() => {
  directory = join(mkdtempSync(join(tmpdir(), "telemetry-")), "userpci");
});
afterAll(() => rmSync(join(directory, ".."), { recursive: true }));
afterEach(() => void vi.unstubAllEnvs());

const open = (options: object = {}): Promise<PciDevice> =>
  openDevice(ADDRESS, { backend: emulated({ [ADDRESS]: edu({ addressBits: 64 }) }), ...options });

/** What this process tells, once its socket is there. */
async function told(): Promise<TelemetrySnapshot> {
  const { programs } = await readTelemetry({ directories: [directory] });
  if (programs.length > 0) return programs[0]!.snapshot;
  await setTimeout(1);
  return told();
}

describe("a device that is not to be watched", () => {
  it("opens no socket, and its regions are the backend's own", async () => {
    vi.stubEnv("USERPCI_TELEMETRY", "0");
    await using device = await open();
    await using other = await open({ telemetry: false });
    const names = [device, other].flatMap((each) => [each.bar(0).map(), each.bar(0).region()]);
    expect(names.map((region) => region.constructor.name)).not.toContain(expect.stringMatching("Metered"));
    expect(readdirSync(join(directory, ".."))).toEqual([]);
  });

  it("is refused where the option or the variable means nothing", async () => {
    await expect(open({ telemetry: "yes" })).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    vi.stubEnv("USERPCI_TELEMETRY", "yes");
    await expect(open({ telemetry: true })).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    await expect(open()).rejects.toMatchObject({
      code: "ERR_INVALID_ARGUMENT",
      hint: expect.stringMatching("1"),
    });
  });
});

describe("a device that may be watched", () => {
  it("tells every access, buffer and interrupt, exactly", async () => {
    vi.stubEnv("USERPCI_TELEMETRY", directory);
    await using device = await open();
    device.config.command.update({ memory: true, busMaster: true });
    const { config } = (await told()).devices[0]!.registers;
    expect(config).toEqual({ reads: expect.any(Number), writes: 1 });

    const registers = device.bar(0).map();
    for (let i = 0; i < 1000; i++) registers.write32(LIVENESS, i);
    for (let i = 0; i < 700; i++) registers.read32(ID);
    device.bar(0).region().read32(ID);
    expect(() => registers.read32(1)).toThrow(expect.objectContaining({ code: "ERR_MISALIGNED" }));
    const kept = await device.dma.alloc(8192);
    await (await device.dma.alloc(4096)).close();
    const vector = device.irqs.enable("msi").at(0);
    vector.trigger();
    expect(await vector.wait()).toBe(1);

    const { program, devices } = await told();
    expect(program).toMatchObject({ pid: process.pid, node: process.version });
    expect(devices).toEqual([
      {
        address: ADDRESS,
        backend: "emulated",
        openMs: expect.any(Number),
        registers: { mapped: { reads: 700, writes: 1000 }, called: { reads: 1, writes: 0 }, config },
        mappings: [{ bar: 0, size: 1 << 20 }],
        dma: {
          buffers: 1,
          bytes: kept.size,
          made: 2,
          madeBytes: 12288,
          mappings: { used: 1, limit: 65535 },
          pinned: null,
        },
        interrupts: [{ kind: "msi", vector: 0, count: 1, deliveries: 1, largest: 1 }],
      },
    ]);
    registers.close();
    expect((await told()).devices[0]!.mappings).toEqual([]);
  });

  it("is told of until it is closed, among others, whichever way it was opened", async () => {
    vi.stubEnv("USERPCI_TELEMETRY", directory);
    const addresses = async () => (await told()).devices.map(({ address }) => address);
    const first = await open();
    const backend = emulated({ second: edu() });
    using second = openDeviceSync("second", { backend, telemetry: true });
    expect(await addresses()).toEqual([ADDRESS, second.address]);
    await first.close();
    expect(await addresses()).toEqual([second.address]);
  });

  it("has a socket that only its user and root can reach", async () => {
    vi.stubEnv("USERPCI_TELEMETRY", directory);
    await using _device = await open();
    await told();
    const [name] = readdirSync(directory);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, name!)).mode & 0o777).toBe(0o600);
  });
});

describe("the protocol", () => {
  /** Connects to the socket of this process. */
  async function connected(): Promise<Socket> {
    vi.stubEnv("USERPCI_TELEMETRY", directory);
    await using _device = await open();
    await told();
    return connect(join(directory, readdirSync(directory)[0]!));
  }

  it("answers an empty line with a line, and ends when the other does", async () => {
    const client = await connected();
    client.end("\n");
    const said = await text(client);
    expect(said).toMatch(/^\{.*\}\n$/);
    expect(parseTelemetry(said)?.program.pid).toBe(process.pid);
  });

  it("ends with who sends what is no request", async () => {
    const client = await connected();
    client.write("x".repeat(300));
    expect(await text(client)).toBe("");
  });

  it("has eight at once, and the next when one has gone", async () => {
    const first = await connected();
    const path = join(directory, readdirSync(directory)[0]!);
    const clients = [first, ...Array.from({ length: 7 }, () => connect(path))];
    // An answer shows that each of them was accepted.
    const answers = clients.map((client) => once(client, "data"));
    for (const client of clients) client.write("\n");
    await Promise.all(answers);
    expect(await readTelemetry({ directories: [directory] })).toMatchObject({ programs: [] });
    for (const client of clients) client.destroy();
    await Promise.all(clients.map((client) => once(client, "close")));
    expect((await told()).program.pid).toBe(process.pid);
  });
});

describe("readTelemetry", () => {
  it("tells of programs that say nothing, or nonsense, and removes sockets that were left behind", async () => {
    const folder = mkdtempSync(join(tmpdir(), "silent-"));
    const servers = ["busy", "nonsense"].map((name) =>
      createServer((client) => {
        client.on("data", () => name === "nonsense" && client.write('{"schema":"x"}\n'));
        client.on("error", () => undefined);
      }).listen(join(folder, `${name}.sock`)),
    );
    // The other name of a socket stays when its listener closes, as a killed process leaves its file.
    const left = createServer().listen(join(folder, "left"));
    linkSync(join(folder, "left"), join(folder, "killed.sock"));
    left.close();
    writeFileSync(join(folder, "file.sock"), "");

    const where = { directories: [folder, join(folder, "none")], timeoutMs: 1000 };
    const report = await readTelemetry(where);
    expect(readdirSync(folder)).toContain("killed.sock");
    const old = new Date(Date.now() - 60_000);
    utimesSync(join(folder, "killed.sock"), old, old);
    expect(await readTelemetry(where)).toEqual(report);
    expect(report.programs).toEqual([]);
    expect(report.silent).toEqual([
      { socket: join(folder, "busy.sock"), code: "ERR_TIMEOUT" },
      { socket: join(folder, "nonsense.sock"), code: "ERR_PROTOCOL" },
    ]);
    expect(readdirSync(folder).sort()).toEqual(["busy.sock", "file.sock", "nonsense.sock"]);
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true });
  });

  it("refuses a wait that is none", async () => {
    await expect(readTelemetry({ timeoutMs: 0 })).rejects.toMatchObject({ code: "ERR_OUT_OF_RANGE" });
  });
});

describe("TelemetrySocket", () => {
  it("does not open in a directory that others may enter, or that cannot be made", async () => {
    // Not through openDevice: this process has its socket already.
    const { TelemetrySocket } = await import("../../packages/userpci/src/telemetry/socket.ts");
    const folder = mkdtempSync(join(tmpdir(), "shared-"));
    const shared = join(folder, "shared");
    mkdirSync(shared);
    chmodSync(shared, 0o755);
    const none = () => [];
    await expect(TelemetrySocket.open(shared, none)).rejects.toMatchObject({
      code: "ERR_PERMISSION",
      hint: expect.stringContaining(`chmod 700 ${shared}`),
    });
    await expect(TelemetrySocket.open("/proc/none", none)).rejects.toMatchObject({ path: "/proc/none" });
    await expect(TelemetrySocket.open(join(folder, "x".repeat(100)), none)).rejects.toMatchObject({
      code: "ERR_INVALID_ARGUMENT",
    });
    const socket = await TelemetrySocket.open(join(folder, "mine"), none);
    const [reading] = (await readTelemetry({ directories: [join(folder, "mine")] })).programs;
    expect(reading).toMatchObject({
      socket: socket.path,
      uid: process.geteuid!(),
      snapshot: { devices: [] },
    });
    socket.close();
    socket.close();
    expect(readdirSync(join(folder, "mine"))).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});
