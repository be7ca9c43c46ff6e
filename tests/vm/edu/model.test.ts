import { strict as assert } from "node:assert";
import { randomInt } from "node:crypto";
import { emulated } from "@userpci/device-model";
import { DMA_BITS, register } from "@userpci/edu";
import { edu } from "@userpci/edu/model";
import { openDevice, type Region } from "userpci";
import { guestSuite } from "../harness/suite.ts";
import { at, USER } from "../machines.ts";

const ACCESSES = 500;

/** Registers, halves of some, and what lies between them. */
const places = [
  ...Object.values(register),
  ...[0x0c, 0x28, 0x5c, 0x68, 0x7c, 0x84, 0x8c, 0x94, 0x9c, 0xa0, 0x1000, 0xffff8],
];

/**
 * A transfer takes QEMU's edu 100 ms, and goes anywhere. Of a factorial it multiplies every factor, and it interrupts only a moment
 * after STATUS says that it is done (`edu_fact_thread` of hw/misc/edu.c).
 */
const masks: ReadonlyMap<number, bigint> = new Map([
  [register.STATUS, ~0x80n],
  [register.DMA_COMMAND, ~1n],
  [register.FACTORIAL, 0xffn],
]);

/** One access: what it reads, as text; a write reads nothing. */
interface Access {
  readonly name: string;
  perform(region: Region): string;
}

/** A random access that starts nothing but what {@link settle} waits for. */
function randomAccess(): Access {
  const bits = ([8, 16, 32, 32, 32, 64] as const)[randomInt(6)]!;
  const place = places[randomInt(places.length)]!;
  const offset = bits === 64 ? place - (place % 8) : place;
  const where = `${bits} bits at 0x${offset.toString(16)}`;
  if (randomInt(2) === 0) return { name: `read ${where}`, perform: (region) => read(region, bits, offset) };
  const raw = (BigInt(randomInt(2 ** 32)) << 32n) | BigInt(randomInt(2 ** 32));
  const value = BigInt.asUintN(bits, raw & (masks.get(offset) ?? ~0n));
  return {
    name: `write 0x${value.toString(16)} as ${where}`,
    perform: (region) => {
      write(region, bits, offset, value);
      settle(region);
      return "";
    },
  };
}

function read(region: Region, bits: 8 | 16 | 32 | 64, offset: number): string {
  if (bits === 64) return region.read64(offset).toString(16);
  if (bits === 32) return region.read32(offset).toString(16);
  return (bits === 16 ? region.read16(offset) : region.read8(offset)).toString(16);
}

function write(region: Region, bits: 8 | 16 | 32 | 64, offset: number, value: bigint): void {
  if (bits === 64) region.write64(offset, value);
  else if (bits === 32) region.write32(offset, Number(value));
  else if (bits === 16) region.write16(offset, Number(value));
  else region.write8(offset, Number(value));
}

/** Waits until a factorial is computed. */
function settle(region: Region): void {
  while ((region.read32(register.STATUS) & 1) !== 0);
}

/** What a former user left in registers that are not reset. */
async function bringToOneState(region: Region): Promise<void> {
  region.write32(register.LIVENESS, 0);
  region.write32(register.STATUS, 0);
  region.write32(register.FACTORIAL, 0);
  settle(region);
  region.write32(register.INTERRUPT_ACKNOWLEDGE, 0xffff_ffff);
  while ((region.read32(register.DMA_COMMAND) & 1) !== 0) await new Promise(setImmediate);
  region.write64(register.DMA_SOURCE, 0n);
  region.write64(register.DMA_DESTINATION, 0x40000n);
  region.write64(register.DMA_COUNT, 0n);
  region.write32(register.DMA_COMMAND, 1);
  while ((region.read32(register.DMA_COMMAND) & 1) !== 0) await new Promise(setImmediate);
}

await guestSuite(import.meta.url, {
  // Who may open the devices makes no difference to what they answer.
  users: [USER],
  tests: {
    "the model of edu answers every access as QEMU's edu does": async () => {
      await using theirs = await openDevice(at.wideEdu, { dmaBits: DMA_BITS });
      await using ours = await openDevice("edu", { backend: emulated(edu()) });
      const regions = [theirs, ours].map((device) => {
        device.config.command.update({ memory: true });
        return device.bar(0).map();
      });
      for (const region of regions) await bringToOneState(region);
      const done: string[] = [];
      for (let i = 0; i < ACCESSES; i++) {
        const access = randomAccess();
        done.push(access.name);
        const [expected, found] = regions.map((region) => access.perform(region));
        assert.equal(found, expected, `after ${done.slice(-20).join("; ")}`);
      }
      for (const region of regions) {
        region.write32(register.INTERRUPT_ACKNOWLEDGE, 0xffff_ffff);
        region.close();
      }
    },
  },
});
