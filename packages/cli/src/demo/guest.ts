// The part of the demo that runs beside the device, as an ordinary user: `node guest.js ADDRESS`. It prints a line of JSON
// for each step that held, and one with the error if one did not. Everything in it is public API.
import { createHash, randomBytes, randomInt } from "node:crypto";
import { DMA_BITS, deviceBuffer, dmaCommand, Edu, register } from "@userpci/edu";
import { className, describe } from "@userpci/pci-config";
import { deviceNodes, readGroup } from "@userpci/sysfs";
import { readMemlock } from "@userpci/vfio-native";
import { findFunction, isPciError, openDevice, type PciDevice, PciError } from "userpci";
import { toFailure } from "../failure.ts";
import { hex, toJson } from "../json.ts";
import type { StepInputs, StepName, StepResults } from "./step.ts";

const BYTES = 4096;
const ROUNDS = 20;

/** Runs a step, checks it, and reports it. */
async function step<N extends StepName>(
  name: N,
  work: () => Promise<{ inputs: StepInputs[N]; results: StepResults[N]; holds: boolean }>,
): Promise<void> {
  const started = performance.now();
  const { inputs, results, holds } = await work();
  const durationMs = performance.now() - started;
  process.stdout.write(toJson({ step: name, inputs, results, durationMs }));
  if (holds) return;
  throw new PciError("ERR_DEMO", `the step "${name}" did not hold: ${toJson(results).trim()}`, {
    hint: "sudo dmesg | tail",
  });
}

async function demo(address: string): Promise<void> {
  await step("group", () => lookUpGroup(address));
  const lockedBefore = readMemlock().locked;
  let device!: PciDevice;
  await step("open", async () => {
    device = await openDevice(address, { dmaBits: DMA_BITS });
    return describeOpening(device);
  });
  try {
    await step("config", () => decodeConfig(device));
    using edu = Edu.attach(device);
    await step("map", () => readRegisters(device, edu));
    await step("factorial", () => computeFactorial(edu));
    await step("dma", () => moveBytes(device, edu));
    await step("msi", () => receiveInterrupts(device, edu));
    await step("isolation", () => writeUnmapped(device, edu));
  } finally {
    await device.close();
  }
  await step("close", () => useAfterClose(device, lockedBefore));
}

async function lookUpGroup(address: string) {
  const { iommuGroup } = findFunction(address);
  const { number, viable, type, members, reserved } = readGroup(iommuGroup!);
  return {
    inputs: { group: number },
    results: {
      viable,
      type,
      members: members.map((member) => member.address),
      reserved: reserved.map((range) => `${range.type} ${hex(range.start)}-${hex(range.last)}`),
    },
    holds: viable,
  };
}

async function describeOpening(device: PciDevice) {
  const { address } = device;
  const [uid, gid] = [process.getuid!(), process.getgid!()];
  const { backend, info } = device.backendDevice;
  return {
    inputs: { address, uid, gid },
    results: { backend, node: deviceNodes(findFunction(address)).group ?? "", resettable: info.resettable },
    holds: uid !== 0,
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

async function computeFactorial(edu: Edu) {
  const n = randomInt(2, 13);
  const value = await edu.factorial(n);
  let expected = 1;
  for (let factor = 2; factor <= n; factor += 1) expected *= factor;
  return { inputs: { n }, results: { value }, holds: value === expected };
}

/** Random bytes go into the device from one buffer, and out of it into another. */
async function moveBytes(device: PciDevice, edu: Edu) {
  await using source = await device.dma.alloc(BYTES, { direction: "to-device", label: "demo source" });
  await using target = await device.dma.alloc(BYTES, { direction: "from-device", label: "demo target" });
  source.bytes.set(randomBytes(BYTES));
  const started = performance.now();
  await edu.copyIn(source);
  await edu.copyOut(target);
  const milliseconds = performance.now() - started;
  const lockedBytes = readMemlock().locked;
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
  const mapped = await device.dma.map(memory, { direction: "from-device" });
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
    results: { wroteWhileMapped, sha256After: after, unchanged: before === after },
    holds: wroteWhileMapped && before === after,
  };
}

async function useAfterClose(device: PciDevice, lockedBefore: number) {
  let code = "no error";
  try {
    device.bar(0);
  } catch (error) {
    code = isPciError(error) ? error.code : String(error);
  }
  // Ours is what we think; the kernel's is what it counts against the limit of this process.
  const { pinnedBytes } = device.dma;
  const lockedBytes = readMemlock().locked;
  return {
    inputs: { address: device.address, lockedBefore },
    results: { lockedBytes, pinnedBytes, useAfterClose: code },
    holds: code === "ERR_CLOSED" && pinnedBytes === 0 && lockedBytes === lockedBefore,
  };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

try {
  await demo(process.argv[2]!);
} catch (error) {
  process.stdout.write(toJson({ error: toFailure(error) }));
  process.exitCode = 1;
}
