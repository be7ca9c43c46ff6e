/**
 * Run as a process: binds and restores a function in turns with driverctl and dpdk-devbind.py, and prints as JSON what each sees.
 * Its argument says how to run them.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { bind, bindingOrigin, findFunction, planBinding, restore, unbind } from "@userpci/sysfs";
import type { BindingTools } from "@userpci/testbed";
import { at } from "../machines.ts";

const { driverctl, devbind } = JSON.parse(process.argv[2]!) as Pick<BindingTools, "driverctl" | "devbind">;

function run([program, ...first]: readonly string[], ...words: string[]): string {
  return execFileSync(program!, [...first, ...words], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** What somebody else's tool would say. */
const overrides = () =>
  run(driverctl, "list-overrides")
    .split("\n")
    .filter((line) => line !== "");
const override = (address: string) =>
  readFileSync(`/sys/bus/pci/devices/${address}/driver_override`, "utf8").trim();
const driver = (address: string) => findFunction(address).driver;

async function withDriverctl(address: string) {
  run(driverctl, "set-override", address, "pci-stub");
  const plan = await planBinding(address);
  const bound = await bind(address);
  const listed = overrides();
  const { restored } = await restore(address);
  const back = { driver: driver(address), overrides: overrides(), files: readdirSync("/etc/driverctl.d") };
  run(driverctl, "set-override", address, "vfio-pci");
  const theirs = await bindingOrigin(address);
  const again = await bind(address);
  const given = await unbind(address);
  const after = { driver: driver(address), override: override(address) };
  // What driverctl does at a boot, and what ends it.
  run(driverctl, "load-override", address);
  const loaded = driver(address);
  run(driverctl, "unset-override", address);
  // Debian's driverctl teaches vfio-pci the id as well, and leaves it so.
  await restore(address);
  const end = {
    driver: driver(address),
    override: override(address),
    files: readdirSync("/etc/driverctl.d"),
  };
  return { plan, bound, listed, restored, back, theirs, again, given, after, loaded, end };
}

async function withDevbind(address: string) {
  run(devbind, "--bind=vfio-pci", address);
  const theirs = await bindingOrigin(address);
  const again = await bind(address);
  const given = await restore(address);
  const after = { driver: driver(address), override: override(address) };
  await bind(address);
  const seen = run(devbind, "--status-dev", "net")
    .split("\n")
    .find((line) => line.startsWith(address));
  // Behind our back.
  run(devbind, "--unbind", address);
  const { restored } = await restore(address);
  const end = {
    driver: driver(address),
    override: override(address),
    kept: existsSync(`/run/userpci/${address}.json`),
  };
  return { theirs, again, given, after, seen, restored, end };
}

const results = { driverctl: await withDriverctl(at.usb), devbind: await withDevbind(at.e1000e) };
console.log(JSON.stringify(results));
