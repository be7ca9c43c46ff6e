/**
 * Run as a process: opens devices into one domain, in which it has mapped memory, and opens one of them again when it is told
 * to: `node rejoin.js edu|alone mapped|empty`. Prints what happens, one line for each line of input.
 */
import { createInterface } from "node:readline";
import { DMA_BITS, Edu } from "@userpci/edu";
import { createDomain, isPciError, openDevice, vfioGroup } from "userpci";
import { againAt, unplugAt as at } from "../machines.ts";

const [company, content] = process.argv.slice(2);
const backend = vfioGroup();
const domain = createDomain();
const open = { backend, domain, dmaBits: DMA_BITS };
const edu = company === "edu" ? await openDevice(at.unbound, open) : undefined;
const memory = backend.memory.alloc(4096);
let slot = await openDevice(againAt, open);
const mapping = content === "mapped" ? domain.mapSync(memory, { addressBits: DMA_BITS }) : undefined;

/** Whether the device beside it still reaches memory of the domain: a buffer goes in and comes back. */
async function eduReaches(): Promise<boolean> {
  const driver = Edu.attach(edu!);
  const buffer = await edu!.dma.alloc(4096);
  const bytes = new Uint8Array(buffer.bytes.buffer, buffer.bytes.byteOffset, 64);
  bytes.fill(0x5a);
  await driver.copyIn(buffer, 64);
  bytes.fill(0);
  await driver.copyOut(buffer, 64);
  return bytes.every((byte) => byte === 0x5a);
}

const answers: Record<string, () => Promise<unknown>> = {
  gone: async () => {
    while (!slot.closed) await new Promise((resolve) => setTimeout(resolve, 20));
    return "closed";
  },
  open: async () => {
    slot = await openDevice(againAt, open);
    return `opened, ${domain.attached} in the domain`;
  },
  reach: eduReaches,
  map: async () => {
    using page = backend.memory.alloc(4096);
    domain.mapSync(page).unmapSync();
    return "mapped";
  },
  close: async () => {
    await slot.close();
    await edu?.close();
    mapping?.unmapSync();
    await domain.close();
    return "closed all";
  },
};

console.log("ready");
for await (const line of createInterface(process.stdin)) {
  try {
    console.log(String(await answers[line]!()));
  } catch (error) {
    console.log(isPciError(error) ? `${error.code}: ${error.message} (${error.hint})` : String(error));
  }
}
