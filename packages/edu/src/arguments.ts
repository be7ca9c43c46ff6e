import { checkInteger, checkMethods, checkType, type DmaBuffer, formatValue, PciError } from "userpci";
import type { Completion } from "./completion.ts";
import type { WaitOptions } from "./edu.ts";
import { deviceBuffer } from "./registers.ts";

/** The longest sleep that a vector takes, in milliseconds. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** A time-out that is no number would never pass. @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` */
export function checkWait(options: WaitOptions): void {
  checkType("options", options, "object");
  const { timeoutMs, signal } = options;
  if (timeoutMs !== undefined) checkInteger("timeoutMs", timeoutMs, 0, MAX_TIMEOUT_MS);
  if (signal === undefined || typeof signal?.addEventListener === "function") return;
  throw new PciError("ERR_INVALID_ARGUMENT", `signal must be an AbortSignal, not ${formatValue(signal)}`, {
    hint: "pass controller.signal, or AbortSignal.timeout(ms)",
  });
}

/** @throws PciError `ERR_INVALID_ARGUMENT` */
export function checkCompletion(completion: Completion | undefined): void {
  if (completion === undefined) return;
  checkMethods("completion", completion, ["wait"], 'pass a vector, such as device.irqs.enable("msi").at(0)');
}

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` */
export function checkCopy(buffer: DmaBuffer, size: number, at: number): void {
  checkInteger("the offset into the device's buffer", at, 0, deviceBuffer.SIZE - 1);
  checkInteger("size", size, 1, Math.min(buffer.size, deviceBuffer.SIZE - at));
}

/** @throws PciError `ERR_INVALID_ARGUMENT` */
export function checkBuffer(name: string, buffer: DmaBuffer): void {
  const hint = "pass what `await device.dma.alloc(size)` returned";
  checkType(name, buffer, "object", hint);
  checkInteger(`the size of ${name}`, buffer.size, 1, Number.MAX_SAFE_INTEGER);
}

/** A transfer outside its buffer leaves the device busy for ever, and it has no reset. */
export function checkDeviceRange(address: bigint, size: number): void {
  checkType("the address in the device's buffer", address, "bigint");
  const at = Number(address) - deviceBuffer.ADDRESS;
  checkInteger("the offset into the device's buffer", at, 0, deviceBuffer.SIZE - 1);
  checkInteger("size", size, 1, deviceBuffer.SIZE - at);
}
