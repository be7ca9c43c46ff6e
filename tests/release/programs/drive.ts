// Drives an edu: a factorial, an interrupt, and bytes out to the device and back by DMA.
import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { DMA_BITS, Edu } from "@userpci/edu";
import { openDevice } from "userpci";

const device = await openDevice(process.argv[2] ?? "", { dmaBits: DMA_BITS });
try {
  const edu = Edu.attach(device);
  assert.equal(await edu.factorial(10), 3_628_800);

  const irqs = device.irqs.enable("msi");
  edu.raise(0x8);
  assert.ok((await irqs.at(0).wait({ timeoutMs: 2000 })) >= 1);
  edu.acknowledge(0x8);

  const sent = await device.dma.alloc(4096, { direction: "to-device" });
  const received = await device.dma.alloc(4096, { direction: "from-device" });
  sent.bytes.set(randomBytes(4096));
  await edu.copyIn(sent, 4096);
  await edu.copyOut(received, 4096);
  assert.deepEqual(received.bytes.subarray(0, 4096), sent.bytes.subarray(0, 4096));
} finally {
  await device.close();
}
console.log(`drove ${device.address} as uid ${process.getuid?.()}`);
