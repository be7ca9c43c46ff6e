import { strict as assert } from "node:assert";
import { openDevice, openDeviceSync, type PciDevice } from "userpci";
import { holdings } from "../vm/harness/process.ts";
import { guestSuite, progress } from "../vm/harness/suite.ts";
import { at } from "../vm/machines.ts";
import { soak, soakEnvironment, soakTimeoutMs } from "./rounds.ts";

const MIB = 2 ** 20;
/** More than this of the JavaScript heap must not stay behind, whatever the number of rounds. */
const HEAP_SLACK = 8 * MIB;

/** Everything that a driver does between open and close, in the sizes and orders that take different paths. */
async function use(device: PciDevice, i: number): Promise<void> {
  device.config.command.update({ memory: true, busMaster: true });
  const registers = device.bar(0).map();
  registers.write32(0x04, i);
  assert.equal(registers.read32(0x04), ~i >>> 0);
  const large = i % 50 === 0;
  const buffer = await device.dma.alloc(large ? 9 * MIB : 4096 * ((i % 4) + 1));
  buffer.bytes.fill(i);
  const irqs = device.irqs.enable(i % 2 === 0 ? "msi" : "intx");
  const vector = irqs.at(0);
  if (i % 3 === 0) vector.on(() => undefined);
  vector.trigger();
  if (i % 3 !== 0) assert.equal(await vector.wait({ timeoutMs: 5000 }), 1);
  if (i % 4 === 0) irqs.close();
  if (i % 5 === 0) await buffer.close();
  if (i % 7 === 0) registers.close();
}

async function round(i: number): Promise<void> {
  if (i % 2 === 0) {
    await using device = await openDevice(at.edu, { dmaBits: 28 });
    await use(device, i);
  } else {
    using device = openDeviceSync(at.edu, { dmaBits: 28 });
    await use(device, i);
  }
}

function heapUsed(): number {
  (globalThis as { gc?: () => void }).gc!();
  return process.memoryUsage().heapUsed;
}

await guestSuite(import.meta.url, {
  nodeFlags: ["--expose-gc"],
  env: soakEnvironment(),
  timeoutMs: soakTimeoutMs(1000),
  tests: {
    "rounds of open, map, enable and close leave no descriptor, mapping, pinned byte or object": async () => {
      // What the first uses of a path make once and keep.
      for (let i = 0; i < 12; i++) await round(i);
      const heapBefore = heapUsed();
      const before = holdings();
      await soak("open, map, enable, close", round);
      assert.deepEqual(holdings(), before);
      const grown = heapUsed() - heapBefore;
      const { rss } = process.memoryUsage();
      progress(`soak: heap grew by ${(grown / 1024).toFixed(0)} KiB, RSS is ${(rss / MIB).toFixed(0)} MiB`);
      assert.ok(grown < HEAP_SLACK, `the heap grew by ${grown} bytes`);
    },
  },
});
