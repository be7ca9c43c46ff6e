import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isPciError, type PciError } from "@userpci/interface";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { type BindOptions, bindGroupOn, bindOn } from "../bind.ts";
import type { DriverOptions } from "../driver.ts";
import { findFunction } from "../find.ts";
import { readDriverOverride } from "../function.ts";
import type { JournalEntry } from "../journal.ts";
import { bindingOrigin } from "../origin.ts";
import { type RestoreOptions, restoreOn } from "../restore.ts";
import { unbindOn } from "../unbind.ts";
import { setVirtualFunctionsOn } from "../virtual-functions.ts";
import { FakeKernel } from "./fake-kernel.ts";
import { type MachineData, writeMachine } from "./machine.ts";

/** A network card on the driver e1000e, in group 6. */
export const NIC = "0000:01:00.0";
/** An edu without a driver, in group 4. */
export const EDU = "0000:00:04.0";
/** A network card on the driver e1000, on a kernel without `driver_override`. */
export const OLD = "0000:02:00.0";
/** Functions that must not be bound. */
export const BRIDGE = "0000:00:06.0";
export const HOST_BRIDGE = "0000:00:00.0";
export const ISA_BRIDGE = "0000:00:1f.0";
export const WITH_VFS = "0000:03:00.0";
export const WITHOUT_IOMMU = "0000:04:00.0";

const machine: MachineData = {
  functions: [
    { address: HOST_BRIDGE, id: "8086:29c0", classCode: 0x060000, group: 0 },
    { address: ISA_BRIDGE, id: "8086:2918", classCode: 0x060100, driver: "lpc_ich", group: 3 },
    { address: EDU, id: "1234:11e8", group: 4 },
    { address: BRIDGE, id: "1b36:000c", classCode: 0x060400, driver: "pcieport", group: 5 },
    { address: NIC, id: "8086:10d3", classCode: 0x020000, driver: "e1000e", group: 6 },
    { address: OLD, id: "8086:100e", classCode: 0x020000, driver: "e1000", group: 7, driverOverride: null },
    {
      address: WITH_VFS,
      id: "8086:10c9",
      driver: "igb",
      group: 8,
      maxVirtualFunctions: 7,
      virtualFunctions: [EDU],
    },
    { address: WITHOUT_IOMMU, id: "8086:7020", driver: "uhci_hcd" },
  ],
  drivers: ["vfio-pci"],
  nodes: ["/dev/iommu"],
  files: { "/etc/passwd": "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n" },
};

/** A machine on disk with a kernel that acts on it. */
export class FakeSystem {
  readonly root = mkdtempSync(join(tmpdir(), "userpci-bind-"));
  readonly kernel = new FakeKernel(this.root, { e1000e: ["8086:10d3"], e1000: ["8086:100e"] });

  constructor() {
    writeMachine(this.root, machine);
  }

  bind(address: string, options: BindOptions = {}) {
    return bindOn(this.kernel, address, { root: this.root, ...options });
  }

  unbind(address: string, options: DriverOptions = {}) {
    return unbindOn(this.kernel, address, { root: this.root, ...options });
  }

  setVirtualFunctions(address: string, count: number, options: DriverOptions = {}) {
    return setVirtualFunctionsOn(this.kernel, address, count, { root: this.root, ...options });
  }

  bindGroup(address: string, options: BindOptions = {}) {
    return bindGroupOn(this.kernel, address, { root: this.root, ...options });
  }

  restore(address: string | null = null, options: RestoreOptions = {}) {
    return restoreOn(this.kernel, address, { root: this.root, ...options });
  }

  origin(address: string) {
    return bindingOrigin(address, this);
  }

  driverOf(address: string): string | null {
    return findFunction(address, this).driver;
  }

  overrideOf(address: string) {
    return readDriverOverride(address, this);
  }

  /** Path of a file of the machine. */
  path(absolute: string): string {
    return join(this.root, absolute);
  }

  journalPath(address: string): string {
    return this.path(`/run/userpci/${address}.json`);
  }

  journal(address: string): JournalEntry {
    return JSON.parse(readFileSync(this.journalPath(address), "utf8")) as JournalEntry;
  }

  /** Adds a process that has a node open, by default that of {@link NIC}. */
  addHolder(node = "/dev/vfio/6"): void {
    const holder = { pid: 41, comm: "node", cmdline: ["node", "driver.js"], fds: [node] };
    writeMachine(this.root, { functions: [], processes: [holder] });
  }
}

/** Gives each test a system of its own. */
export const useFakeSystem = (): (() => FakeSystem) => systemFor(beforeEach, afterEach);

/** Gives the tests of a file, which leave it as it was, one system. */
export const shareFakeSystem = (): (() => FakeSystem) => systemFor(beforeAll, afterAll);

function systemFor(before: (set: () => void) => void, after: (clear: () => void) => void): () => FakeSystem {
  let system: FakeSystem;
  before(() => {
    system = new FakeSystem();
  });
  after(() => rmSync(system.root, { recursive: true }));
  return () => system;
}

/** The error that a call rejects with. */
export async function failure(work: Promise<unknown>): Promise<PciError> {
  const error = await work.then(
    () => expect.unreachable("it did not fail"),
    (thrown: unknown) => thrown,
  );
  if (!isPciError(error)) throw error;
  return error;
}
