import { type RegionInfo, regionIndex } from "@userpci/interface";
import { wrongRefusals } from "@userpci/interface/testing";
import type { Chapter } from "../suite.ts";
import { decode, withDevice } from "./scene.ts";

const describe = ({ size, readable, writable, mappable }: RegionInfo) => ({
  size: size > 0,
  readable,
  writable,
  mappable: mappable.length > 0,
});

/** Regions by call and mapped, and what they refuse. */
export const regionTests: Chapter = {
  "what a backend says of a region fits what it lets be done": (trial) =>
    withDevice(trial, (device) => {
      const { bar } = trial.subject.main;
      const all = { size: true, readable: true, writable: true };
      trial.observe("config space", describe(device.regionInfo(regionIndex.config)), {
        ...all,
        mappable: false,
      });
      trial.observe("the mappable BAR", describe(device.regionInfo(bar)), { ...all, mappable: true });
      const end = device.regionInfo(bar).size;
      for (const { offset, size } of device.regionInfo(bar).mappable) {
        trial.check("a mappable area lies in its region", offset >= 0 && size > 0 && offset + size <= end);
      }
    }),

  "a region refuses what the contract says, by call and mapped": (trial) =>
    withDevice(trial, (device) => {
      decode(device);
      const { bar } = trial.subject.main;
      const config = device.region(regionIndex.config);
      trial.observe("wrong refusals of config space", wrongRefusals(config, { has64: false }), []);
      trial.observe("wrong refusals of a mapped BAR", wrongRefusals(device.mapRegion(bar)), []);
      trial.expect("64 bits by call", () => config.read64(0), "ERR_NOT_SUPPORTED");
      trial.expect("64 bits by call, write", () => config.write64(0, 0n), "ERR_NOT_SUPPORTED");
    }),

  "a register reads alike by call and mapped": (trial) =>
    withDevice(trial, (device) => {
      decode(device);
      const { bar } = trial.subject.main;
      using mapped = device.mapRegion(bar);
      trial.observe("a BAR by call and mapped", device.region(bar).read32(0) === mapped.read32(0), true);
      mapped.close();
      trial.expect("read of a closed region", () => mapped.read32(0), "ERR_CLOSED");
      trial.expect("close of a closed region", () => mapped.close(), "ok");
    }),

  "the MSI-X table is out of reach": (trial) =>
    withDevice(trial, (device) => {
      const table = trial.subject.main.msixTable;
      if (table === undefined) {
        trial.leaveOut("the MSI-X table", "the subject's kernel lets it be mapped");
        return;
      }
      decode(device);
      const region = device.region(table.region);
      trial.expect("read of the MSI-X table", () => region.read32(table.offset), "ERR_MSIX_TABLE");
      trial.expect("write of the MSI-X table", () => region.write32(table.offset, 0), "ERR_MSIX_TABLE");
    }),

  "memory decode switched off is an error, and no crash": (trial) =>
    withDevice(trial, (device) => {
      decode(device);
      const config = device.region(regionIndex.config);
      const bar = device.mapRegion(trial.subject.main.bar);
      const before = bar.read32(0);
      config.write16(4, 0);
      trial.expect("mapped read, decode off", () => bar.read32(0), "ERR_MEMORY_DISABLED");
      decode(device);
      trial.observe("the register reads as before", bar.read32(0) === before, true);
    }),
};
