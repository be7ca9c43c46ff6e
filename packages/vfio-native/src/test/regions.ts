import { DeviceGoneError, PciError, type Region } from "@userpci/interface";
import { vi } from "vitest";
import type { MappedWindow, RegionSupervisor } from "../mapped-region.ts";

/** A window over ordinary memory. Setting `fault[0]` is what a SIGBUS does. */
export function windowAt(offset: number, size: number) {
  const window = {
    offset,
    buffer: new ArrayBuffer(size),
    fault: new Int32Array(1),
    remap: vi.fn(() => {
      window.fault[0] = 0;
    }),
    release: vi.fn(),
  };
  return window satisfies MappedWindow;
}

/** What a test changes of a device. */
export interface FakeDevice {
  usable: boolean;
  decodes: boolean;
  gone?: boolean;
}

/** A supervisor that says of its device what the fields say. */
export function supervisorOf(device: FakeDevice) {
  return {
    assertUsable() {
      if (!device.usable) throw new PciError("ERR_RESETTING", "resetting");
    },
    decodesMemory: () => device.decodes,
    faultError: (where: string) =>
      device.decodes ? new DeviceGoneError(where) : new PciError("ERR_MEMORY_DISABLED", where),
    goneError: vi.fn((where: string) => (device.gone ? new DeviceGoneError(where) : undefined)),
    delete: vi.fn(),
  } satisfies RegionSupervisor;
}

/** A region that answers 0x77 and notes each access. */
export function recordingRegion(size: number) {
  const calls: [string, number, (number | bigint)?][] = [];
  const read = (name: string) => (offset: number) => {
    calls.push([name, offset]);
    return 0x77;
  };
  const write = (name: string) => (offset: number, value: number | bigint) => {
    calls.push([name, offset, value]);
  };
  const region: Region = {
    size,
    read8: read("read8"),
    read16: read("read16"),
    read32: read("read32"),
    read64: (offset) => BigInt(read("read64")(offset)),
    write8: write("write8"),
    write16: write("write16"),
    write32: write("write32"),
    write64: write("write64"),
  };
  return { region, calls };
}

/** The code of the PciError that a call throws, or what it returns. */
export function codeOf(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    if (error instanceof PciError) return error.code;
    throw error;
  }
}
