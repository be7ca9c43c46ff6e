import { type BackendDevice, type DmaMapping, isPciError } from "@userpci/interface";
import fc from "fast-check";
import { expect, it } from "vitest";
import { mover, register } from "../testing/mover.ts";
import { emulated } from "./emulated.ts";
import { faultKinds } from "./faults/kinds.ts";

const addresses = ["0000:03:00.0", "0000:03:00.1", "0000:04:00.0"] as const;

/** What goes on at one time, for all that programs and people before the machine may do. */
class World {
  readonly backend;
  readonly devices: BackendDevice[] = [];
  readonly mappings: DmaMapping[] = [];
  readonly underWay: Promise<unknown>[] = [];
  readonly domain;
  readonly memory;

  constructor(seed: number, rate: number) {
    const model = mover({ busReset: true });
    const rates = Object.fromEntries(Object.keys(faultKinds).map((name) => [name, rate]));
    this.backend = emulated(Object.fromEntries(addresses.map((each) => [each, model])), { seed, rates });
    this.domain = this.backend.createDomain();
    this.memory = this.backend.memory.alloc(4096);
  }

  /** Starts something that a promise tells the end of; one that is ours is all that it may be refused with. */
  begin(call: Promise<unknown>): void {
    this.underWay.push(call.catch(onlyOurs));
  }

  device(n: number): BackendDevice | undefined {
    return this.devices[n % Math.max(1, this.devices.length)];
  }
}

function onlyOurs(error: unknown): void {
  if (!isPciError(error) || !error.hint) throw error;
}

const operations: Readonly<Record<string, (world: World, n: number) => unknown>> = {
  open: (world, n) =>
    world.begin(world.backend.open(addresses[n % 3]!).then((device) => world.devices.push(device))),
  openShared: (world, n) =>
    world.devices.push(world.backend.openSync(addresses[n % 3]!, { domain: world.domain })),
  close: (world, n) => world.begin(world.device(n)?.close() ?? Promise.resolve()),
  closeSync: (world, n) => world.device(n)?.closeSync(),
  reset: (world, n) => world.begin(world.device(n)?.reset() ?? Promise.resolve()),
  resetSync: (world, n) => world.device(n)?.resetSync(),
  hotReset: (world, n) => world.begin(world.device(n)?.hotReset() ?? Promise.resolve()),
  unplug: (world, n) => world.backend.function(addresses[n % 3]).unplug(),
  replug: (world, n) => world.backend.function(addresses[n % 3]).replug(),
  request: (world, n) => world.backend.function(addresses[n % 3]).request(),
  remove: (world, n) => world.begin(world.backend.function(addresses[n % 3]).remove()),
  map: (world) => world.mappings.push(world.domain.mapSync(world.memory)),
  unmap: (world, n) => world.mappings[n % Math.max(1, world.mappings.length)]?.unmapSync(),
  interrupts: (world, n) => {
    const device = world.device(n);
    const target = device?.createIrqTarget();
    if (target !== undefined) device!.setIrqs(n % 2 === 0 ? "msi" : "intx", 0, [target]);
  },
  work: (world, n) => {
    const device = world.device(n);
    device?.region(7).write16(4, 0b110);
    const bar = device?.mapRegion(0);
    bar?.write64(register.SOURCE, world.mappings[0]?.iova ?? 0n);
    bar?.write32(register.START, 1);
    bar?.write32(register.LINE, n & 1);
    bar?.read32(register.STATUS);
    device?.relax();
  },
  turn: () => undefined,
};

it("whatever is done in whatever order, all that fails says why, and nothing is left in the end", async () => {
  const step = fc.record({
    name: fc.constantFrom(...Object.keys(operations)),
    n: fc.nat(5),
    wait: fc.boolean(),
  });
  const run = async (seed: number, rate: number, steps: { name: string; n: number; wait: boolean }[]) => {
    const world = new World(seed, rate);
    for (const { name, n, wait } of steps) {
      try {
        operations[name]!(world, n);
      } catch (error) {
        onlyOurs(error);
      }
      if (wait || name === "turn") await new Promise((resolve) => setImmediate(resolve));
    }
    await world.backend.close();
    await Promise.all(world.underWay);
    expect(world.devices.every(({ closed }) => closed)).toBe(true);
    for (const address of addresses) expect(world.backend.function(address).busy).toBe(false);
    await world.domain.close();
    world.memory.close();
  };
  const rate = fc.constantFrom(0, 0.02, 0.3);
  const property = fc.asyncProperty(fc.nat(), rate, fc.array(step, { maxLength: 25 }), run);
  await fc.assert(property, { numRuns: 50 });
});
