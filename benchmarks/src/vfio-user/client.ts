// Our client as `c/vfio-user/bench.c`: `node client.js PATH ACCESS` does a round for each byte on its standard input.
import { vfioUser } from "@userpci/vfio-user/client";
import { openDeviceSync, type PciDevice, type Region, type Vector } from "userpci";
import { medianSlice, quickest } from "../timing.ts";
import type { Access } from "./ends.ts";

// The same in c/vfio-user/bench.c.
const ACCESSES = 50;
const SLICES = 40;
const SCRATCH = 4;
const DOORBELL = 16;
const PATIENCE_MS = 5000;

/** Does `count` accesses. */
type Accesses = (count: number) => void | Promise<void>;

/** One round. */
type Round = () => number | Promise<number>;

// The same in c/registers.c.
const REGISTER = 8;
const OPERATIONS = 5000;
const MAPPED_SLICES = 400;

/** Where the sum of reads goes, so that nothing can leave them out. */
export const sink = { number: 0 };

function reads(registers: Region): Accesses {
  return (count) => {
    for (let i = 0; i < count; i++) registers.read32(SCRATCH);
  };
}

function writes(registers: Region): Accesses {
  return (count) => {
    for (let i = 0; i < count; i++) registers.write32(SCRATCH, i);
  };
}

/** Writes that the device has when the last access is answered. */
function arrivals(registers: Region): Accesses {
  return (count) => {
    for (let i = 1; i < count; i++) registers.write32(SCRATCH, i);
    registers.read32(SCRATCH);
  };
}

function waits(registers: Region, vector: Vector): Accesses {
  return (count) => {
    for (let i = 0; i < count; i++) {
      registers.write32(DOORBELL, 0);
      if (vector.waitSync({ timeoutMs: PATIENCE_MS }) === 0) throw new Error("no interrupt came");
    }
  };
}

function events(registers: Region, vector: Vector): Accesses {
  return (count) =>
    new Promise((resolve) => {
      let left = count;
      const subscription = vector.on(() => {
        left--;
        if (left > 0) return registers.write32(DOORBELL, 0);
        subscription.close();
        resolve();
      });
      registers.write32(DOORBELL, 0);
    });
}

function mappedReads(region: Region): () => void {
  return () => {
    let sum = 0;
    for (let i = 0; i < OPERATIONS; i++) sum ^= region.read32(REGISTER);
    sink.number = sum;
  };
}

function mappedWrites(region: Region): () => void {
  return () => {
    for (let i = 0; i < OPERATIONS; i++) region.write32(REGISTER, i);
  };
}

/** @param after done after each slice, untimed */
const inSlices =
  (accesses: Accesses, after?: () => void): Round =>
  () =>
    medianSlice(accesses, ACCESSES, SLICES, after);

const inProcess =
  (accesses: () => void): Round =>
  () =>
    quickest(accesses, OPERATIONS, MAPPED_SLICES);

const choices: Readonly<Record<Access, (device: PciDevice) => Round>> = {
  read: (device) => inSlices(reads(device.bar(0).region())),
  write: (device) => inSlices(writes(device.bar(0).region())),
  posted: (device) => {
    const registers = device.bar(0).region();
    return inSlices(writes(registers), () => registers.read32(SCRATCH));
  },
  arrival: (device) => inSlices(arrivals(device.bar(0).region())),
  wait: (device) => inSlices(waits(device.bar(0).region(), device.irqs.enable("msix").at(0))),
  event: (device) => inSlices(events(device.bar(0).region(), device.irqs.enable("msix").at(0))),
  "mapped-read": (device) => inProcess(mappedReads(device.bar(0).map())),
  "mapped-write": (device) => inProcess(mappedWrites(device.bar(0).map())),
};

const [path, access] = process.argv.slice(2) as [string, Access];
const postedWrites = access === "read" || access === "write" ? "never" : "always";
const device = openDeviceSync(path, { backend: vfioUser(path, { postedWrites }) });
device.config.command.update({ memory: true, busMaster: true });
const round = choices[access](device);
for await (const byte of process.stdin as AsyncIterable<Buffer>) {
  for (const _asked of byte) process.stdout.write(`${(await round()).toFixed(4)}\n`);
}
device.closeSync();
