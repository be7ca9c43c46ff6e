import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseTelemetry } from "./parse.ts";
import { telemetryPlace } from "./place.ts";

const count = fc.nat();
const limit = fc.option(count);
const plainText = fc.stringMatching(/^[\w:./-]{0,40}$/);
const accesses = fc.record({ reads: count, writes: count });
const snapshots = fc.record({
  schema: fc.constant("userpci:telemetry/1"),
  atMs: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map((ms) => ms + 0),
  program: fc.record({ pid: count, thread: count, command: plainText, node: plainText }),
  devices: fc.array(
    fc.record({
      address: plainText,
      backend: plainText,
      openMs: count,
      registers: fc.record({ mapped: accesses, called: accesses, config: accesses }),
      mappings: fc.array(fc.record({ bar: count, size: count }), { maxLength: 3 }),
      dma: fc.record({
        buffers: count,
        bytes: count,
        made: count,
        madeBytes: count,
        mappings: fc.record({ used: count, limit }),
        pinned: fc.option(fc.record({ used: count, limit, scope: fc.constantFrom("process", "user") })),
      }),
      interrupts: fc.array(
        fc.record({
          kind: fc.constantFrom("intx", "msi", "msix", "err", "req"),
          vector: count,
          count,
          deliveries: count,
          largest: count,
        }),
        { maxLength: 3 },
      ),
    }),
    { maxLength: 3 },
  ),
});

describe("parseTelemetry", () => {
  it("gives back what a program said", () => {
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        expect(parseTelemetry(JSON.stringify(snapshot))).toEqual(snapshot);
      }),
    );
  });

  it("gives nothing where one field is missing or something else, and never throws", () => {
    const broken = fc.tuple(snapshots, fc.nat(), fc.jsonValue()).map(([snapshot, at, value]) => {
      let left = at % 40;
      return JSON.stringify(snapshot, (_key, part: unknown) => (left-- === 0 ? value : part));
    });
    fc.assert(fc.property(fc.oneof(broken, fc.string(), fc.json()), (line) => void parseTelemetry(line)));
    fc.assert(
      fc.property(snapshots, fc.constantFrom("schema", "atMs", "program", "devices"), (snapshot, field) => {
        expect(parseTelemetry(JSON.stringify({ ...snapshot, [field]: undefined }))).toBeUndefined();
        expect(parseTelemetry(JSON.stringify({ ...snapshot, [field]: -1 }))).toBeUndefined();
      }),
    );
  });

  it("keeps nothing of a text that a terminal would obey, nor all of a long one", () => {
    const program = { pid: 1, thread: 0, command: `a\x1b[2J\n\u009b${"b".repeat(500)}`, node: "v20" };
    const line = JSON.stringify({ schema: "userpci:telemetry/1", atMs: 0, program, devices: [] });
    const { command } = parseTelemetry(line)!.program;
    expect(command).toMatch(/^a \[2J b+$/);
    expect(command.length).toBeLessThanOrEqual(200);
  });
});

describe("telemetryPlace", () => {
  it.each([
    [{}, false, "/run/userpci/telemetry"],
    [{ XDG_RUNTIME_DIR: "/run/user/1000" }, false, "/run/user/1000/userpci"],
    [{ XDG_RUNTIME_DIR: "runtime" }, false, "/run/userpci/telemetry"],
    [{ XDG_RUNTIME_DIR: "/run/user/1000", USERPCI_TELEMETRY: "0" }, false, "/run/user/1000/userpci"],
    [{ XDG_RUNTIME_DIR: "/run/user/1000", USERPCI_TELEMETRY: "1" }, true, "/run/user/1000/userpci"],
    [{ XDG_RUNTIME_DIR: "/run/user/1000", USERPCI_TELEMETRY: "/tmp/mine" }, true, "/tmp/mine"],
  ])("with %o", (env, wanted, directory) => {
    expect(telemetryPlace(env)).toEqual({ wanted, directory });
  });

  it("refuses a value that means nothing", () => {
    expect(() => telemetryPlace({ USERPCI_TELEMETRY: "on" })).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_ARGUMENT", message: expect.stringContaining('"on"') }),
    );
  });
});
