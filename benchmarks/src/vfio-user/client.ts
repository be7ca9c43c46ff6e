// Our client as `c/vfio-user/bench.c`: `node client.js PATH ACCESS` does a round for each byte on its standard input.
import { vfioUser } from "@userpci/vfio-user/client";
import { openDeviceSync, type PciDevice, type Region, type Vector } from "userpci";
import type { Round } from "../bench.ts";
import { medianSlice } from "../timing.ts";
import type { Access, MappedAccess } from "./ends.ts";
import { mappedRounds } from "./mapped.ts";
import { answerRounds } from "./rounds.ts";

// The same in c/vfio-user/bench.c.
const ACCESSES = 50;
const SLICES = 40;
const SCRATCH = 4;
const DOORBELL = 16;
const PATIENCE_MS = 5000;

/** Does `count` accesses. */
type Accesses = (count: number) => void | Promise<void>;

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

/** @param after done after each slice, untimed */
const inSlices =
  (accesses: Accesses, after?: () => void): Round =>
  () =>
    medianSlice(accesses, ACCESSES, SLICES, after);

const choices: Readonly<Record<Access | MappedAccess, (device: PciDevice) => Round>> = {
  read: (device) => inSlices(reads(device.bar(0).region())),
  write: (device) => inSlices(writes(device.bar(0).region())),
  posted: (device) => {
    const registers = device.bar(0).region();
    return inSlices(writes(registers), () => registers.read32(SCRATCH));
  },
  arrival: (device) => inSlices(arrivals(device.bar(0).region())),
  wait: (device) => inSlices(waits(device.bar(0).region(), device.irqs.enable("msix").at(0))),
  event: (device) => inSlices(events(device.bar(0).region(), device.irqs.enable("msix").at(0))),
  "mapped-read": (device) => mappedRounds["mapped-read"](device.bar(0).map()),
  "mapped-write": (device) => mappedRounds["mapped-write"](device.bar(0).map()),
};

const [path, access] = process.argv.slice(2) as [string, Access | MappedAccess];
const postedWrites = access === "read" || access === "write" ? "never" : "always";
const device = openDeviceSync(path, { backend: vfioUser(path, { postedWrites }) });
device.config.command.update({ memory: true, busMaster: true });
const round = choices[access](device);
await answerRounds(round);
device.closeSync();
