// What `edu.test.ts` lets `userpci serve` serve: three edus nearly as slow as QEMU's, and something that is none.
import { edu } from "@userpci/edu/model";

const SIZE = 4096;

const memory = {
  name: "memory",
  config: { vendorId: 0x1af4, deviceId: 0x10f2 },
  bars: { 0: { kind: "memory32", size: SIZE, memory: [{ offset: 0, size: SIZE, mappable: true }] } },
  create: () => ({ reset() {} }),
};

const slow = { transferUs: 50_000 };

export default () => [edu(slow), edu(slow), edu({ ...slow, addressBits: 64 }), memory];
