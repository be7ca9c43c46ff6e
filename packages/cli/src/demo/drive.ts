// What the demo does with a device once it is open: the same on the kernel's VFIO, over vfio-user, and on an emulated device.
// Everything in it is public API.
import { createHash, randomBytes, randomInt } from "node:crypto";
import { DMA_BITS, deviceBuffer, dmaCommand, Edu, eduRegisters, register } from "@userpci/edu";
import { className, describe } from "@userpci/pci-config";
import { type Backend, isPciError, openDevice, type PciDevice, PciError } from "userpci";
import { readRecordingSync, record, tracePrinter } from "userpci/trace";
import { hex, toJson } from "../json.ts";
import type { StepInputs, StepName, StepReport, StepResults } from "./step.ts";

const BYTES = 4096;
const ROUNDS = 20;
/** Accesses that are shown of a step: more than a factorial takes. */
const SHOWN_ACCESSES = 12;
/** What a line of a trace begins with. */
const TIME_AND_DEVICE = /^\S+ ms +\d+ +/;

/** Where a device is, and what only that place knows. */
export interface Place {
  readonly backend: Backend;
  readonly address: string;
  /** The node or socket that leads to the device; empty if none does. */
  readonly node: string;
  /** Whether the steps must not be taken by root. */
  readonly asOrdinaryUser: boolean;
  /** Bytes that the kernel counts as pinned by this process. */
  locked(): number;
  /** For a step that did not hold: where to look. */
  readonly hint: string;
}

/** Drives an edu, step by step. @throws PciError `ERR_DEMO` at the first step that does not hold, and what a step throws */
export async function drive(place: Place, onStep: (step: StepReport) => void): Promise<void> {
  const step = stepper(place, onStep);
  const trace: Uint8Array[] = [];
  const backend = record(place.backend, { write: (bytes) => trace.push(bytes) }, { memory: false });
  const lockedBefore = place.locked();
  let device!: PciDevice;
  await step("open", async () => {
    device = await openDevice(place.address, { backend, dmaBits: DMA_BITS });
    return describeOpening(device, place);
  });
  try {
    await step("config", () => decodeConfig(device));
    using edu = Edu.attach(device);
    await step("map", () => readRegisters(device, edu));
    await step("factorial", () => computeFactorial(edu, trace));
    await step("dma", () => moveBytes(device, edu, place));
    await step("msi", () => receiveInterrupts(device, edu));
    await step("isolation", () => writeUnmapped(device, edu));
  } finally {
    await device.close();
  }
  await step("close", () => useAfterClose(device, place, lockedBefore));
}

/** What a step came to. */
interface Outcome<N extends StepName> {
  readonly inputs: StepInputs[N];
  readonly results: StepResults[N];
  readonly holds: boolean;
}

/** Runs a step, reports it, and checks it. */
export function stepper({ hint }: Pick<Place, "hint">, onStep: (step: StepReport) => void) {
  return async <N extends StepName>(name: N, work: () => Promise<Outcome<N>>): Promise<void> => {
    const started = performance.now();
    const { inputs, results, holds } = await work();
    const durationMs = performance.now() - started;
    // The parts are those of one step; TypeScript cannot relate them.
    onStep({ step: name, inputs, results, durationMs } as StepReport);
    if (holds) return;
    throw new PciError("ERR_DEMO", `the step "${name}" did not hold: ${toJson(results).trim()}`, { hint });
  };
}

async function describeOpening({ address, backendDevice }: PciDevice, { node, asOrdinaryUser }: Place) {
  const [uid, gid] = [process.getuid?.() ?? -1, process.getgid?.() ?? -1];
  const { backend, info } = backendDevice;
  return {
    inputs: { address, uid, gid },
    results: { backend, node, resettable: info.resettable },
    holds: uid !== 0 || !asOrdinaryUser,
  };
}

async function decodeConfig(device: PciDevice) {
  const { size, vendorId, deviceId, revisionId, classCode, capabilities, extendedCapabilities, problems } =
    describe(device.config);
  return {
    inputs: { bytes: size },
    results: {
      id: `${vendorId.toString(16)}:${deviceId.toString(16)}`,
      className: className(classCode),
      revision: revisionId,
      capabilities: [...capabilities, ...extendedCapabilities].map(
        ({ name, offset }) => `${name} at ${hex(offset)}`,
      ),
      problems: problems.length,
    },
    holds: vendorId === 0x1234 && deviceId === 0x11e8 && problems.length === 0,
  };
}

async function readRegisters(device: PciDevice, edu: Edu) {
  const written = randomInt(2 ** 32);
  const { major, minor } = edu.version;
  using registers = device.bar(0).map();
  registers.write32(register.LIVENESS, written);
  const read = registers.read32(register.LIVENESS);
  return {
    inputs: { bar: 0, livenessWritten: hex(written, 8) },
    results: {
      size: device.bar(0).size,
      version: `${major}.${minor}`,
      livenessRead: hex(read, 8),
    },
    holds: read === ~written >>> 0,
  };
}

/** Lets the device compute, and shows the accesses that did it. */
async function computeFactorial(edu: Edu, recorded: readonly Uint8Array[]) {
  const n = randomInt(2, 13);
  await nextTurn();
  const before = readRecordingSync(Buffer.concat(recorded)).length;
  const value = await edu.factorial(n);
  await nextTurn();
  let expected = 1;
  for (let factor = 2; factor <= n; factor += 1) expected *= factor;
  const print = tracePrinter({ registers: { 0: eduRegisters } });
  const events = readRecordingSync(Buffer.concat(recorded)).slice(before);
  const accesses = events.filter(({ kind }) => kind === "read" || kind === "write");
  const trace = accesses
    .slice(0, SHOWN_ACCESSES)
    .map((event) => print(event).trim().replace(TIME_AND_DEVICE, ""));
  return { inputs: { n }, results: { value, trace }, holds: value === expected };
}

/** Random bytes go into the device from one buffer, and out of it into another. */
async function moveBytes(device: PciDevice, edu: Edu, place: Place) {
  await using source = await device.dma.alloc(BYTES, { direction: "to-device", label: "demo source" });
  await using target = await device.dma.alloc(BYTES, { direction: "from-device", label: "demo target" });
  source.bytes.set(randomBytes(BYTES));
  const started = performance.now();
  await edu.copyIn(source);
  await edu.copyOut(target);
  const milliseconds = performance.now() - started;
  const lockedBytes = place.locked();
  const equal = Buffer.compare(source.bytes, target.bytes) === 0;
  return {
    inputs: {
      bytes: BYTES,
      sha256: sha256(source.bytes),
      sourceIova: hex(source.iova),
      targetIova: hex(target.iova),
    },
    results: { sha256Back: sha256(target.bytes), equal, milliseconds, lockedBytes },
    holds: equal,
  };
}

/** The device interrupts again and again, each time for other causes, and each time an event tells of it. */
async function receiveInterrupts(device: PciDevice, edu: Edu) {
  using irqs = device.irqs.enable("msi");
  const latencies: number[] = [];
  let events = 0;
  let causesSeen = true;
  for (let round = 0; round < ROUNDS; round += 1) {
    const causes = randomInt(1, 2 ** 31);
    const started = performance.now();
    edu.raise(causes);
    events += await irqs.at(0).wait({ timeoutMs: 5000 });
    latencies.push((performance.now() - started) * 1000);
    causesSeen &&= edu.interruptStatus === causes;
    edu.acknowledge(causes);
  }
  const medianMicroseconds = latencies.sort((a, b) => a - b)[ROUNDS >> 1]!;
  return {
    inputs: { rounds: ROUNDS },
    results: { events, causesSeen, medianMicroseconds },
    holds: events === ROUNDS && causesSeen,
  };
}

/** Lets the device write memory while it is mapped, takes the mapping away, and lets it try again. */
async function writeUnmapped(device: PciDevice, edu: Edu) {
  using memory = device.backendDevice.memory.alloc(BYTES, { label: "demo private memory" });
  const bytes = new Uint8Array(memory.buffer);
  const write = (iova: bigint) => edu.copy(BigInt(deviceBuffer.ADDRESS), iova, BYTES, dmaCommand.FROM_DEVICE);
  const mapped = await device.dma.map(memory, { direction: "from-device", label: "demo private memory" });
  const { iova } = mapped;
  await write(iova);
  const wroteWhileMapped = bytes.some((byte) => byte !== 0);
  await mapped.close();
  bytes.set(randomBytes(BYTES));
  const before = sha256(bytes);
  await write(iova);
  const after = sha256(bytes);
  return {
    inputs: { iova: hex(iova), bytes: BYTES, sha256: before },
    results: {
      wroteWhileMapped,
      sha256After: after,
      unchanged: before === after,
      explanation: device.domain.explain(iova).message,
    },
    holds: wroteWhileMapped && before === after,
  };
}

async function useAfterClose(device: PciDevice, place: Place, lockedBefore: number) {
  let code = "no error";
  try {
    device.bar(0);
  } catch (error) {
    code = isPciError(error) ? error.code : String(error);
  }
  // Ours is what we think; the kernel's is what it counts against the limit of this process.
  const { pinnedBytes } = device.dma;
  const lockedBytes = place.locked();
  return {
    inputs: { address: device.address, lockedBefore },
    results: { lockedBytes, pinnedBytes, useAfterClose: code },
    holds: code === "ERR_CLOSED" && pinnedBytes === 0 && lockedBytes === lockedBefore,
  };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** What was recorded goes to its sink when the event loop has a turn. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
