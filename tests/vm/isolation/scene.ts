/** Run in the guest: lets the wide edu write somewhere, and tells whether memory changed: `node scene.js SCENE`. */
import { setTimeout } from "node:timers/promises";
import { toIova } from "@userpci/interface";
import { vfioGroup } from "@userpci/vfio-native";
import { startNode } from "../harness/child.ts";
import { edu, startEdu, transfer } from "../harness/edu-registers.ts";
import { at } from "../machines.ts";

/** Where the device writes, or what becomes of it in the middle of that. */
export type Scene =
  | "mapped"
  | "unmapped"
  | "unmapped-read"
  | "read-only"
  | "after-unmap"
  | "closed"
  | "killed";

/** What a scene tells. */
export interface Report {
  /** The address that the device used, in decimal. */
  readonly iova: string;
  /** Whether all of the memory kept its bytes. */
  readonly unchanged: boolean;
}

const BUFFER = BigInt(edu.BUFFER);
const SIZE = 256;
const PAGE = 4096;
/** What a transfer of edu takes. */
const DMA_MS = 100;

async function killed(): Promise<Report> {
  using holder = startNode(new URL("../lifecycle/holder.js", import.meta.url), ["dma", at.wideEdu]);
  await holder.line();
  await setTimeout(120);
  holder.process.kill("SIGKILL");
  await holder.ended;
  await setTimeout(150);
  return { iova: "0", unchanged: true };
}

/** @returns undefined where this was held up for so long that the device was done before */
async function play(scene: Scene): Promise<Report | undefined> {
  if (scene === "killed") return killed();
  using backend = vfioGroup();
  using device = backend.openSync(at.wideEdu);
  const bar = startEdu(device);
  using memory = backend.memory.alloc(PAGE);
  const bytes = new Uint8Array(memory.buffer).fill(0xa5);
  const direction = scene === "read-only" ? "to-device" : "bidirectional";
  using mapping = device.domain.mapSync(memory, { direction });
  const away = scene === "unmapped" || scene === "unmapped-read";
  const iova = away ? toIova(mapping.iova + BigInt(PAGE)) : mapping.iova;
  if (scene === "after-unmap") mapping.unmapSync();
  if (scene === "unmapped-read") await transfer(bar, iova, BUFFER, SIZE, 1);
  else if (scene === "closed") {
    bar.write64(edu.DMA_SOURCE, BUFFER);
    bar.write64(edu.DMA_TARGET, iova);
    bar.write32(edu.DMA_COUNT, SIZE);
    const began = performance.now();
    bar.write32(edu.DMA_COMMAND, 3);
    const closing = device.close();
    const took = performance.now() - began;
    await closing;
    await setTimeout(200);
    if (took > 0.8 * DMA_MS) return undefined;
  } else await transfer(bar, BUFFER, iova, SIZE, 3);
  return { iova: String(iova), unchanged: bytes.every((byte) => byte === 0xa5) };
}

let report: Report | undefined;
for (let attempt = 0; report === undefined && attempt < 10; attempt++) {
  report = await play(process.argv[2] as Scene);
}
if (report === undefined) throw new Error("closing the device took longer than its DMA, ten times");
console.log(JSON.stringify(report));
