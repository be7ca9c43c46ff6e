import {
  type BackendDevice,
  type DmaDirection,
  type DmaMapping,
  type DmaMemory,
  regionIndex,
} from "@userpci/interface";
import type { CopyEngine } from "../subject.ts";
import type { Chapter } from "../suite.ts";
import type { Trial } from "../trial.ts";
import { COMMAND, withBackend } from "./scene.ts";

/** Where in a page a copy goes that stays within it. */
const BACK = 2048;
/** Most bytes that are copied. */
const MOST = 256;
const BUS_MASTER = 1 << 2;

interface Parts {
  readonly device: BackendDevice;
  readonly engine: CopyEngine;
  /** Two pages. */
  readonly memory: DmaMemory;
  /** The first of them. */
  readonly mapping: DmaMapping;
  /** Both. */
  readonly bytes: Uint8Array;
  readonly size: number;
}

/** A copier at work on two pages, the first of which it sees; the first bytes are a pattern. */
async function withCopier(
  trial: Trial,
  test: (parts: Parts) => Promise<void>,
  direction: DmaDirection = "bidirectional",
): Promise<void> {
  const { copier } = trial.subject;
  if (copier === undefined) return trial.leaveOut("DMA", "the subject has no copier");
  await withBackend(trial, async (backend) => {
    const device = await backend.open(copier.address);
    const engine = copier.start(device);
    const { pageSize } = device.domain;
    const memory = backend.memory.alloc(2 * pageSize);
    try {
      const { addressBits } = copier;
      // Aligned so that the address behind it can be mapped too.
      const options = { size: pageSize, alignment: 2 * pageSize, addressBits, direction };
      const mapping = await device.domain.map(memory, options);
      const bytes = new Uint8Array(memory.buffer);
      const size = Math.min(engine.most, MOST);
      for (let i = 0; i < size; i++) bytes[i] = (i * 7 + 1) & 0xff;
      await test({ device, engine, memory, mapping, bytes, size });
    } finally {
      await device.close();
      memory.close();
    }
  });
}

const same = (bytes: Uint8Array, size: number, to = BACK): boolean =>
  bytes.subarray(to, to + size).every((byte, i) => byte === bytes[i]);

const untouched = (bytes: Uint8Array, size: number, to = BACK): boolean =>
  bytes.subarray(to, to + size).every((byte) => byte === 0);

const at = ({ iova }: DmaMapping, offset: number) => (iova + BigInt(offset)) as DmaMapping["iova"];

/** DMA by a real device. */
export const dmaTests: Chapter = {
  "a device reads and writes memory that is mapped": (trial) =>
    withCopier(trial, async ({ engine, mapping, bytes, size }) => {
      await engine.copy(mapping.iova, at(mapping, BACK), size);
      trial.observe("a copy within a page", same(bytes, size), true);
    }),

  "a device reaches nothing that is not mapped": (trial) =>
    withCopier(trial, async ({ device, engine, memory, mapping, bytes, size }) => {
      const { addressBits } = trial.subject.copier!;
      const { size: offset } = mapping;
      const iova = at(mapping, offset);
      const next = device.domain.mapSync(memory, { offset, size: offset, iova, addressBits });
      await engine.copy(mapping.iova, iova, size);
      trial.observe("a copy into the mapping behind", same(bytes, size, offset), true);
      bytes.fill(0, offset);
      next.unmapSync();
      await engine.copy(mapping.iova, iova, size);
      trial.observe("a copy past a mapping", untouched(bytes, size, offset), true);
      mapping.unmapSync();
      await engine.copy(mapping.iova, at(mapping, BACK), size);
      trial.observe("a copy after unmapping", untouched(bytes, size), true);
    }),

  "a device does not write what it may only read": (trial) =>
    withCopier(
      trial,
      async ({ engine, mapping, bytes, size }) => {
        await engine.copy(mapping.iova, at(mapping, BACK), size);
        trial.observe("a copy into read-only memory", untouched(bytes, size), true);
      },
      "to-device",
    ),

  "a device whose bus mastering is off reaches nothing": (trial) =>
    withCopier(trial, async ({ device, engine, mapping, bytes, size }) => {
      const config = device.region(regionIndex.config);
      config.write16(COMMAND, config.read16(COMMAND) & ~BUS_MASTER);
      await engine.copy(mapping.iova, at(mapping, BACK), size);
      trial.observe("a copy without bus mastering", untouched(bytes, size), true);
    }),
};
