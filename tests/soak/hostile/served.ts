// A server to be attacked: `node served.js SOCKET`. Asked by a message, it tells what it holds and what its models have seen.
import { readdirSync, readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { serve } from "@userpci/vfio-user/server";
import { probe, type Violation } from "./probe.ts";

/** What the server tells of itself. */
export interface ServedReport {
  readonly violations: readonly Violation[];
  /** Errors that are a model's fault, or the server's. */
  readonly faults: readonly string[];
  readonly clients: number;
  readonly rss: number;
  readonly external: number;
  readonly descriptors: number;
  readonly mappings: number;
  /** Clients that have come so far. */
  readonly connected: number;
}

const violations: Violation[] = [];
const faults: string[] = [];
let connected = 0;

const server = await serve(() => probe(violations), {
  path: process.argv[2]!,
  clients: "many",
  whenBusy: "refuse",
  limits: { sessions: 64, handshakeMs: 5000, dmaMs: 100, dmaMaps: 256, migrationState: 2 ** 20 },
  onEvent(event) {
    if (event.type === "connected") connected += 1;
    else if (event.type === "fault") faults.push(String(event.error));
  },
});

process.on("message", async () => {
  // Buffers that a collection finds are freed beside it: the next one waits for that.
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.();
    await setImmediate();
  }
  const { rss, external } = process.memoryUsage();
  const report: ServedReport = {
    violations,
    faults,
    clients: server.clients,
    rss,
    external,
    descriptors: readdirSync("/proc/self/fd").length,
    mappings: readFileSync("/proc/self/maps", "utf8").match(/memfd:|\.img$/gm)?.length ?? 0,
    connected,
  };
  process.send!(report);
});
process.send!("serving");
