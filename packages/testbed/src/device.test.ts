import { expect, test } from "vitest";
import { areServed, deviceArguments } from "./device.ts";

test("edu sits at 00:04.0 and takes more properties", () => {
  expect(deviceArguments(["edu,dma_mask=0xffffffff"])).toEqual([
    "-device",
    "edu,dma_mask=0xffffffff,addr=0x4",
  ]);
});

test("a second device of a kind takes the next free slot", () => {
  expect(deviceArguments(["edu", "edu", "pci-testdev"])).toEqual([
    ...["-device", "edu,addr=0x4"],
    ...["-device", "edu,addr=0x6"],
    ...["-device", "pci-testdev,addr=0x5"],
  ]);
});

test("nvme gets a disk and a root port of its own that can reset its bus", () => {
  expect(deviceArguments(["nvme,max_ioqpairs=4"])).toEqual([
    ...["-drive", "if=none,id=drive0,driver=null-co,size=1G,read-zeroes=on"],
    ...["-device", "pcie-root-port,id=port0,chassis=1,addr=0x6,x-speed=5"],
    ...["-device", "nvme,serial=userpci,max_ioqpairs=4,drive=drive0,bus=port0"],
  ]);
});

test("the port's properties and the backend can be given", () => {
  expect(deviceArguments(["igb,netdev=n0,port.x-speed=16"])).toEqual([
    ...["-device", "pcie-root-port,id=port0,chassis=1,addr=0x6,x-speed=16"],
    ...["-device", "igb,romfile=,netdev=n0,bus=port0"],
  ]);
});

test("port=none puts a device on the root bus, and an own bus is respected", () => {
  expect(deviceArguments(["nvme,port=none,drive=d"])).toEqual([
    "-device",
    "nvme,serial=userpci,drive=d,addr=0x6",
  ]);
  expect(deviceArguments(["nvme,bus=mine,drive=d"])).toEqual([
    "-device",
    "nvme,serial=userpci,bus=mine,drive=d",
  ]);
});

test("a slot that the caller names is not given to another device", () => {
  expect(deviceArguments(["nvme,drive=d", "edu,addr=6"]).join(" ")).toContain(
    "pcie-root-port,id=port0,chassis=1,addr=0x7",
  );
});

test("what has no name here goes to QEMU unchanged", () => {
  const json = '{"driver":"virtio-rng-pci","addr":"0x9"}';
  expect(deviceArguments(["virtio-net-pci,aer=on", json])).toEqual([
    "-device",
    "virtio-net-pci,aer=on",
    "-device",
    json,
  ]);
});

test("a device that a process serves is told to QEMU as JSON, with numbers and switches as such", () => {
  const text = "vfio-user-pci,socket=/tmp/edu.sock,x-msg-timeout=900,x-no-posted-writes=on";
  const [, , , json] = deviceArguments([text]);
  expect(JSON.parse(json!)).toEqual({
    driver: "vfio-user-pci",
    socket: { type: "unix", path: "/tmp/edu.sock" },
    "x-msg-timeout": 900,
    "x-no-posted-writes": true,
    bus: "port0",
  });
  expect(deviceArguments([`${text},port=none,addr=8`])[1]).toContain('"addr":"8"');
  expect(areServed(["edu", text])).toBe(true);
  expect(areServed(["edu", "nvme,serial=vfio-user-pci"])).toBe(false);
  expect(() => deviceArguments(["vfio-user-pci"])).toThrow(/socket=PATH/);
});

test("malformed strings are refused with what is wrong", () => {
  for (const text of ["", ",x=1", "edu,dma_mask", "edu,=1"]) {
    expect(() => deviceArguments([text])).toThrow(expect.objectContaining({ code: "ERR_TESTBED_ARGUMENT" }));
  }
  expect(() => deviceArguments(["edu,dma_mask"])).toThrow(/"dma_mask" is not a property=value pair/);
});

test("a full root bus is an error, not a collision", () => {
  expect(() => deviceArguments(Array<string>(30).fill("edu"))).toThrow(/no free slot/);
});
