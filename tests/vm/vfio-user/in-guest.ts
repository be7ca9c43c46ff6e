import { strict as assert } from "node:assert";
import { DMA_BITS, deviceBuffer, dmaCommand, Edu } from "@userpci/edu";
import { openDevice } from "userpci";
import { answersAs } from "../edu/beside.ts";
import { eduTests } from "../edu/tests.ts";
import { type GuestSuite, handToRunner } from "../harness/suite.ts";
import { USER } from "../machines.ts";
import { reference, servedAt } from "./places.ts";

/** Where this file is, for the host. */
export const url = import.meta.url;

const edu = servedAt.edu;
const second = servedAt.secondEdu;
const other = servedAt.nvme;

const BUFFER = BigInt(deviceBuffer.ADDRESS);

/** Bytes of such a transfer: QEMU's IOMMU tells the guest of every four. */
const FEW = 64;

/** A transfer of what is not mapped for the device ends. Nothing is written, and 0 is read. */
async function staysInside(address: string): Promise<void> {
  await using device = await openDevice(address, { dmaBits: DMA_BITS });
  using driver = Edu.attach(device);
  await using memory = await device.dma.alloc(4096);
  const copied = async (): Promise<Uint8Array> => {
    memory.bytes.fill(0xff);
    await driver.copyOut(memory, FEW);
    return memory.bytes.slice(0, FEW);
  };
  memory.bytes.fill(0x11);
  await driver.copyIn(memory, FEW);
  const gone = await device.dma.alloc(4096);
  const { iova } = gone;
  await gone.close();
  await driver.copy(BUFFER, iova, FEW, dmaCommand.FROM_DEVICE);
  assert.deepEqual(await copied(), new Uint8Array(FEW).fill(0x11), address);
  await driver.copy(iova, BUFFER, FEW, 0);
  assert.deepEqual(await copied(), new Uint8Array(FEW), address);
}

/** The edu driver on our edu: guest VFIO, QEMU, vfio-user, and the model in another process of the host. */
export const suite: GuestSuite = {
  users: [USER],
  tests: {
    ...eduTests({ edu, second, third: second, other }),
    "what is not mapped for an edu it does not reach, neither QEMU's nor ours": async () => {
      for (const each of [reference, edu, second]) await staysInside(each);
    },
    "our edu answers every access as QEMU's": answersAs(second, reference),
  },
};

handToRunner(suite);
