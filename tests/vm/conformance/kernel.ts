import { conformance, type Subject, type SubjectFunction } from "@userpci/conformance";
import type { FeatureName } from "@userpci/interface";
import type { KernelBackend } from "@userpci/vfio-native";
import { roundTrip, startEdu } from "../harness/edu-registers.ts";
import { type GuestTest, progress } from "../harness/suite.ts";
import { at } from "../machines.ts";
import { unplugOf } from "./unplug.ts";
import { iommufdUses, kernelUses } from "./uses.ts";

const noVectors = { intx: 0, msi: 0, msix: 0, err: 0, req: 1 };

/** QEMU's NVMe controller behind a root port. */
const nvme: SubjectFunction = {
  address: at.nvme,
  ids: 0x0010_1b36,
  resettable: true,
  vectors: { ...noVectors, intx: 1, msix: 65, err: 1 },
  bar: 0,
};

const eduFunction = (address: string): SubjectFunction => ({
  address,
  ids: 0x11e8_1234,
  resettable: false,
  vectors: { ...noVectors, intx: 1, msi: 1 },
  bar: 0,
});

const pairedE1000: SubjectFunction = {
  address: at.pairedE1000,
  ids: 0x100e_8086,
  resettable: false,
  vectors: { ...noVectors, intx: 1 },
  bar: 0,
};

/** A backend on the kernel's VFIO, in the machine that has these functions. */
function subject(backend: string, create: () => KernelBackend, features: readonly FeatureName[]): Subject {
  return {
    backend,
    create,
    main: nvme,
    withoutReset: eduFunction(at.edu),
    pair: [eduFunction(at.pairedEdu), pairedE1000],
    copier: {
      address: at.wideEdu,
      addressBits: 64,
      start(device) {
        const bar = startEdu(device);
        return { most: 4096, copy: (from, to, size) => roundTrip(bar, from, to, size) };
      },
    },
    unplug: process.getuid!() === 0 ? unplugOf(nvme.address) : "only root takes a function away",
    missing: "0000:00:1e.7",
    pageSize: 4096,
    reserved: { start: 0xfee0_0000n, last: 0xfeef_ffffn },
    features,
    uses: backend === "vfio-cdev" ? iommufdUses : kernelUses,
  };
}

/** The suite as tests of a guest. */
export function conformanceTests(
  backend: string,
  create: () => KernelBackend,
  features: readonly FeatureName[],
): Record<string, GuestTest> {
  const tests = conformance(subject(backend, create, features), { report: progress });
  return Object.fromEntries(tests.map(({ name, run }) => [name, run]));
}
