import { type DeviceModel, emulated, type ModelInstance } from "@userpci/device-model";
import { openDevice, type PciDevice } from "userpci";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { adminOpcode, logPage, nvmeFeature, nvmeStatus } from "../commands.ts";
import { TestDriver } from "../testing/driver.ts";
import { nvme } from "./nvme.ts";

/** Bits of CDW11 of the temperature threshold. */
const ALL_SENSORS = 0xf_0000;
const UNDER = 1 << 20;

/** DW0 of events: temperature threshold, invalid doorbell value. */
const HEALTH_EVENT = 0x2_0101;
const ERROR_EVENT = 0x1_0100;

/** Bit of the critical warning, and of the events that the host asks for. */
const TEMPERATURE = 0b10;

/** Get Log Page does not clear the event. */
const RETAIN = 1 << 15;

let device: PciDevice;
let driver: TestDriver;
let instance: ModelInstance;

beforeEach(async () => {
  const model = nvme({ size: 2 ** 20 });
  const watched: DeviceModel = {
    ...model,
    create: (modelDevice) => {
      instance = model.create(modelDevice);
      return instance;
    },
  };
  device = await openDevice("nvme", { backend: emulated(watched) });
  driver = TestDriver.start(device);
});

afterEach(async () => {
  driver[Symbol.dispose]();
  await device.close();
});

const perform = (opcode: number, dwords: readonly number[]) =>
  driver.perform(driver.admin, { opcode, dwords });
const setFeature = (number: number, value: number) =>
  perform(adminOpcode.SET_FEATURES, [number, value]).status;
const ask = (warnings: number) => setFeature(nvmeFeature.ASYNC_EVENTS, warnings);
const threshold = (value: number) => setFeature(nvmeFeature.TEMPERATURE_THRESHOLD, value);
const awaitEvent = () => driver.admin.submit({ opcode: adminOpcode.ASYNC_EVENT_REQUEST });

/** What completes next, if anything does. */
function next() {
  for (let i = 0; i < 10; i++) device.relax();
  return driver.admin.reap();
}

/** Submits a command of the admin queue, of which an event comes first. */
function performWithEvent(opcode: number, dwords: readonly number[], prp1 = 0n): number {
  const commandId = driver.admin.submit({ opcode, dwords, prp1 });
  const { result } = driver.wait(driver.admin);
  expect(driver.wait(driver.admin)).toMatchObject({ commandId, status: 0 });
  return result;
}

/** Reads the health log. @returns the critical warning */
function readLog(flags = 0): number {
  using page = device.dma.allocSync(4096);
  const dwords = [logPage.HEALTH | flags | (127 << 16)];
  expect(
    driver.perform(driver.admin, { opcode: adminOpcode.GET_LOG_PAGE, prp1: page.iova, dwords }).status,
  ).toBe(0);
  return page.bytes[0]!;
}

describe("an event of the temperature", () => {
  it.each([
    ["over", 300],
    ["under", UNDER | 300],
    ["over, of all sensors", ALL_SENSORS | 200],
  ])("is sent when it crosses the threshold: %s", (_, value) => {
    expect(ask(TEMPERATURE)).toBe(0);
    awaitEvent();
    expect(next()).toBeUndefined();
    const dwords = [nvmeFeature.TEMPERATURE_THRESHOLD, value];
    expect(performWithEvent(adminOpcode.SET_FEATURES, dwords)).toBe(HEALTH_EVENT);
    expect(readLog(RETAIN)).toBe(TEMPERATURE);
  });

  it("is not sent where the host has not asked for it, until it does", () => {
    ask(~TEMPERATURE >>> 0);
    awaitEvent();
    threshold(300);
    expect([next(), readLog()]).toEqual([undefined, TEMPERATURE]);
    expect(performWithEvent(adminOpcode.SET_FEATURES, [nvmeFeature.ASYNC_EVENTS, TEMPERATURE])).toBe(
      HEALTH_EVENT,
    );
  });

  it("is sent once until its log was read, however often it crosses", () => {
    ask(TEMPERATURE);
    threshold(300);
    threshold(299);
    awaitEvent();
    expect(next()?.result).toBe(HEALTH_EVENT);
    awaitEvent();
    for (const value of [400, 300, 400]) expect(threshold(value)).toBe(0);
    expect([readLog(RETAIN), next()]).toEqual([0, undefined]);
    threshold(300);
    expect(next()).toBeUndefined();
    threshold(400);
    expect([readLog(), next()]).toEqual([0, undefined]);
    expect(performWithEvent(adminOpcode.SET_FEATURES, [nvmeFeature.TEMPERATURE_THRESHOLD, 300])).toBe(
      HEALTH_EVENT,
    );
  });

  it("comes again after its log was read while the temperature is still past the threshold", () => {
    ask(TEMPERATURE);
    threshold(300);
    awaitEvent();
    expect(next()?.result).toBe(HEALTH_EVENT);
    readLog();
    awaitEvent();
    expect(next()?.result).toBe(HEALTH_EVENT);
    ask(0);
    readLog();
    awaitEvent();
    expect(next()).toBeUndefined();
  });

  it("is not sent where the log was read before the host awaited it", () => {
    ask(TEMPERATURE);
    threshold(300);
    threshold(400);
    readLog();
    awaitEvent();
    expect(next()).toBeUndefined();
  });

  it("waits beside one of another type, also in a state", () => {
    ask(TEMPERATURE);
    driver.region.write32(0x1008, 999);
    threshold(300);
    const state = instance.save!();
    device.resetSync();
    instance.load!(state);
    awaitEvent();
    expect(next()?.result).toBe(ERROR_EVENT);
    awaitEvent();
    expect(next()?.result).toBe(HEALTH_EVENT);
  });
});

it("sets the threshold of all sensors, and gets that of one", () => {
  const get = (value: number) =>
    perform(adminOpcode.GET_FEATURES, [nvmeFeature.TEMPERATURE_THRESHOLD, value]);
  expect(threshold(ALL_SENSORS | 350)).toBe(0);
  expect(threshold(ALL_SENSORS | UNDER | 250)).toBe(0);
  expect([get(0).result, get(UNDER).result]).toEqual([350, 250]);
  expect(get(ALL_SENSORS).status).toBe(nvmeStatus.INVALID_FIELD);
  for (const sensor of [1, 8, 14]) expect(threshold((sensor << 16) | 350)).toBe(nvmeStatus.INVALID_FIELD);
});
