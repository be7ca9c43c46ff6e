import { randomBytes } from "node:crypto";
import { deviceBuffer, dmaCommand, Edu } from "@userpci/edu";
import type { DmaBuffer, PciDevice } from "userpci";
import { type DmaEngine, type DmaRound, firstChange, PAGE } from "./engine.ts";

/** Random bytes go from one page into edu's buffer, and out of it into another, whose neighbours must stay as they are. */
export async function startEduEngine(device: PciDevice): Promise<DmaEngine> {
  const edu = Edu.attach(device);
  const source = await device.dma.alloc(PAGE, { direction: "to-device", label: "dma test source" });
  const target = await device.dma.alloc(3 * PAGE, { direction: "from-device", label: "dma test target" });
  return {
    work: `copies ${PAGE} random bytes into its buffer and out of it`,
    round: () => round(edu, source, target),
    async [Symbol.asyncDispose]() {
      await source.close();
      await target.close();
      edu.close();
    },
  };
}

async function round(edu: Edu, source: DmaBuffer, target: DmaBuffer): Promise<DmaRound> {
  source.bytes.set(randomBytes(PAGE));
  const surroundings = randomBytes(3 * PAGE);
  target.bytes.set(surroundings);
  const started = performance.now();
  await edu.copyIn(source);
  await edu.copy(BigInt(deviceBuffer.ADDRESS), target.iova + BigInt(PAGE), PAGE, dmaCommand.FROM_DEVICE);
  const durationMs = performance.now() - started;
  const expected = new Uint8Array(surroundings);
  expected.set(source.bytes, PAGE);
  const at = firstChange(target.bytes, expected);
  return { bytes: 2 * PAGE, durationMs, fault: at === null ? null : faultText(at) };
}

function faultText(at: number): string {
  if (at < PAGE) return `the device changed the page before its own, at byte ${at}`;
  return at < 2 * PAGE
    ? `byte ${at - PAGE} came back as another`
    : `the device changed the page behind its own, at byte ${at - 2 * PAGE}`;
}
