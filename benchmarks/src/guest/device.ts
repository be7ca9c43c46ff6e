import { regionIndex } from "@userpci/interface";
import type { PciDevice } from "userpci";
import type { Bench } from "../bench.ts";
import { sink } from "../rows/registers.ts";
import { quickest } from "../timing.ts";
import type { GuestOrder } from "../vm.ts";
import { vmRows } from "./names.ts";

// The same in c/vfio.c.
const READS = 200;
const READ_SLICES = 40;
const ACCESSES = 1000;
const ACCESS_SLICES = 40;
const SHOTS = 200;

/** Registers of BAR 0 of edu (QEMU, docs/specs/edu.rst). */
const LIVENESS = 0x04;
const RAISE = 0x60;
const ACKNOWLEDGE = 0x64;

/** Registers of a device, by system call and mapped. */
export async function registerRows(bench: Bench, device: PciDevice, { spare }: GuestOrder): Promise<void> {
  const config = device.backendDevice.region(regionIndex.config);
  const called = device.bar(0).region();
  using mapped = device.bar(0).map();
  const reads = (work: () => void) => (): number => quickest(work, READS, READ_SLICES);
  const accesses = (work: () => void) => (): number => quickest(work, ACCESSES, ACCESS_SLICES);

  const readConfig = reads(() => {
    for (let i = 0; i < READS; i++) config.read32(0);
  });
  const readCalled = reads(() => {
    for (let i = 0; i < READS; i++) called.read32(LIVENESS);
  });
  const readMapped = accesses(() => {
    let sum = 0;
    for (let i = 0; i < ACCESSES; i++) sum ^= mapped.read32(LIVENESS);
    sink.number = sum;
  });
  const writeMapped = accesses(() => {
    for (let i = 0; i < ACCESSES; i++) mapped.write32(LIVENESS, i);
  });
  await bench.row({
    name: vmRows.config,
    typescript: readConfig,
    c: ["vfio", "config", spare],
  });
  await bench.row({
    name: vmRows.calledRead,
    typescript: readCalled,
    c: ["vfio", "bar-pread", spare],
  });
  await bench.row({
    name: vmRows.mappedRead,
    typescript: readMapped,
    c: ["vfio", "bar-read", spare],
  });
  await bench.row({
    name: vmRows.mappedWrite,
    typescript: writeMapped,
    c: ["vfio", "bar-write", spare],
  });
}

/** From one interrupt to the next: raised by a register, delivered as MSI, acknowledged by a register. */
export async function interruptRows(bench: Bench, device: PciDevice, { spare }: GuestOrder): Promise<void> {
  using registers = device.bar(0).map();
  using irqs = device.irqs.enable("msi");
  let left = 0;
  let done: () => void = () => undefined;
  irqs.at(0).on(() => {
    registers.write32(ACKNOWLEDGE, 1);
    left--;
    if (left > 0) registers.write32(RAISE, 1);
    else done();
  });
  const typescript = async (): Promise<number> => {
    const start = performance.now();
    await new Promise<void>((resolve) => {
      left = SHOTS;
      done = resolve;
      registers.write32(RAISE, 1);
    });
    return ((performance.now() - start) * 1e6) / SHOTS;
  };
  await bench.row({
    name: vmRows.interrupt,
    typescript,
    c: ["vfio", "interrupt", spare],
  });
}
