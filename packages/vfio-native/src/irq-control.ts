import {
  checkVectorArray,
  checkVectors,
  type IrqInfo,
  type IrqKind,
  type IrqTarget,
  irqKinds,
  PciError,
} from "@userpci/interface";
import type { DeviceAccess } from "./device-access.ts";
import { errnoName, systemError } from "./errno.ts";
import { descriptorOf } from "./eventfd-target.ts";
import { failedWith } from "./ioctl.ts";
import type { IrqAction } from "./kernel-device.ts";
import * as uapi from "./uapi/vfio.ts";

/** Kinds of which the kernel allows only one at a time (row R11). */
const EXCLUSIVE: readonly IrqKind[] = ["intx", "msi", "msix"];

const { DATA_NONE, DATA_EVENTFD, ACTION_MASK, ACTION_UNMASK, ACTION_TRIGGER } = uapi.irqSet;

/** `VFIO_DEVICE_SET_IRQS` in all of its forms, for one device. */
export class IrqControl {
  readonly #access: DeviceAccess;
  readonly #count: number;
  readonly #enabled = new Set<IrqKind>();
  /** What the kernel said of a kind: it does not change while the device is open. */
  readonly #infos = new Map<IrqKind, IrqInfo>();

  /** @param count number of interrupt kinds the kernel reports (`num_irqs`) */
  constructor(access: DeviceAccess, count: number) {
    this.#access = access;
    this.#count = count;
  }

  /** @throws PciError `ERR_CLOSED` */
  info(kind: IrqKind): IrqInfo {
    this.#access.assertUsable();
    const known = this.#infos.get(kind);
    if (known !== undefined) return known;
    const info = this.#ask(kind);
    this.#infos.set(kind, info);
    return info;
  }

  #ask(kind: IrqKind): IrqInfo {
    const index = irqKinds.indexOf(kind);
    if (index < 0) {
      throw new PciError("ERR_INVALID_ARGUMENT", `no interrupt kind is called ${String(kind)}`, {
        hint: `one of ${irqKinds.join(", ")}`,
      });
    }
    const absent: IrqInfo = { kind, count: 0, maskable: false, autoMasked: false, resizable: false };
    if (index >= this.#count) return absent;
    const bytes = uapi.irqInfo.pack({ argsz: uapi.irqInfo.size, index });
    const result = this.#access.native.ioctl(this.#access.fd, uapi.request.DEVICE_GET_IRQ_INFO, bytes);
    // The kernel answers EINVAL for ERR on a device without PCI Express.
    if (failedWith(result, "EINVAL")) return absent;
    if (result < 0) throw systemError(result, "ioctl VFIO_DEVICE_GET_IRQ_INFO");
    const { flags, count } = uapi.irqInfo.read(bytes);
    return {
      kind,
      count,
      maskable: (flags & uapi.irqFlag.MASKABLE) !== 0,
      autoMasked: (flags & uapi.irqFlag.AUTOMASKED) !== 0,
      resizable: (flags & uapi.irqFlag.NORESIZE) === 0,
    };
  }

  /** See `BackendDevice.setIrqs`. */
  set(kind: IrqKind, start: number, targets: readonly (IrqTarget | null)[]): void {
    checkVectorArray("targets", targets);
    this.#range(kind, start, targets.length);
    this.#assertExclusive(kind);
    const fds = targets.map((target) => (target === null ? -1 : descriptorOf(target)));
    const data = new Uint8Array(new Int32Array(fds).buffer);
    const result = this.#ioctl(kind, DATA_EVENTFD | ACTION_TRIGGER, start, targets.length, data);
    if (result < 0) throw this.#setError(result, kind, start, targets.length);
    // A positive answer is the number of vectors that could be had; the kernel then enabled none.
    if (result > 0) {
      throw new PciError(
        "ERR_IRQ_COUNT",
        `only ${result} of ${targets.length} ${kind} vectors can be allocated`,
        {
          hint: `ask for ${result}`,
          details: { available: result },
        },
      );
    }
    // ERR and REQ are nothing but their target; the others stay enabled without one.
    if (EXCLUSIVE.includes(kind) || targets[0] !== null) this.#enabled.add(kind);
    else this.#enabled.delete(kind);
  }

  /** See `BackendDevice.disableIrqs`. */
  disable(kind: IrqKind): void {
    if (this.#access.resetting) {
      this.#access.afterReset(() => this.disable(kind));
      return;
    }
    this.#access.assertUsable();
    if (!this.#enabled.has(kind)) return;
    const result = this.#ioctl(kind, DATA_NONE | ACTION_TRIGGER, 0, 0);
    if (result < 0) throw systemError(result, "ioctl VFIO_DEVICE_SET_IRQS", { message: `disabling ${kind}` });
    this.#enabled.delete(kind);
  }

  /** Disables every kind. */
  disableAll(): void {
    for (const kind of [...this.#enabled]) this.disable(kind);
  }

  mask(kind: IrqKind, start: number, count: number): void {
    this.#act(kind, start, count, ACTION_MASK, "mask");
  }

  /** See `BackendDevice.unmaskIrqs`. */
  unmask(kind: IrqKind, start: number, count: number): void {
    if (this.#access.resetting) this.#unmaskLater(kind, start, count);
    else this.#act(kind, start, count, ACTION_UNMASK, "unmask");
  }

  #unmaskLater(kind: IrqKind, start: number, count: number): void {
    const info = this.#infos.get(kind);
    if (info === undefined) return;
    checkVectors(info, start, count);
    this.#access.afterReset(() => {
      if (info.maskable && this.#enabled.has(kind)) this.unmask(kind, start, count);
    });
  }

  trigger(kind: IrqKind, start: number, count: number): void {
    this.#act(kind, start, count, ACTION_TRIGGER, "trigger");
  }

  /** See `BackendDevice.setUnmaskTarget`. */
  setUnmaskTarget(kind: IrqKind, vector: number, target: IrqTarget | null): void {
    this.#range(kind, vector, 1);
    const fd = target === null ? -1 : descriptorOf(target);
    const data = new Uint8Array(new Int32Array([fd]).buffer);
    const result = this.#ioctl(kind, DATA_EVENTFD | ACTION_UNMASK, vector, 1, data);
    if (failedWith(result, "EBUSY")) {
      throw systemError(result, "ioctl VFIO_DEVICE_SET_IRQS", {
        code: "ERR_IRQ_BUSY",
        message: `another target unmasks ${kind} vector ${vector} already`,
        hint: `take that one away first: setUnmaskTarget("${kind}", ${vector}, null)`,
      });
    }
    if (result < 0) throw this.#actError(result, kind, "unmask by a target");
  }

  /**
   * Masks, unmasks or triggers the vectors whose element is true (the kernel's `DATA_BOOL` form).
   *
   * @throws PciError `ERR_NOT_SUPPORTED`, `ERR_IRQ_COUNT`
   */
  actEach(kind: IrqKind, start: number, which: readonly boolean[], action: IrqAction): void {
    checkVectorArray("which", which);
    this.#range(kind, start, which.length);
    const flag = { mask: ACTION_MASK, unmask: ACTION_UNMASK, trigger: ACTION_TRIGGER }[action];
    const data = Uint8Array.from(which, Number);
    const result = this.#ioctl(kind, uapi.irqSet.DATA_BOOL | flag, start, which.length, data);
    if (result < 0) throw this.#actError(result, kind, action);
  }

  #act(kind: IrqKind, start: number, count: number, action: number, verb: string): void {
    this.#range(kind, start, count);
    const result = this.#ioctl(kind, DATA_NONE | action, start, count);
    if (result < 0) throw this.#actError(result, kind, verb);
  }

  #ioctl(kind: IrqKind, flags: number, start: number, count: number, data?: Uint8Array): number {
    const length = data?.length ?? 0;
    const argsz = uapi.irqSetHeader.size + length;
    const bytes = uapi.irqSetHeader.pack(
      { argsz, flags, index: irqKinds.indexOf(kind), start, count },
      length,
    );
    if (data !== undefined) bytes.set(data, uapi.irqSetHeader.size);
    return this.#access.native.ioctl(this.#access.fd, uapi.request.DEVICE_SET_IRQS, bytes);
  }

  #range(kind: IrqKind, start: number, count: number): void {
    checkVectors(this.info(kind), start, count);
  }

  #assertExclusive(kind: IrqKind): void {
    if (!EXCLUSIVE.includes(kind)) return;
    const other = EXCLUSIVE.find((candidate) => candidate !== kind && this.#enabled.has(candidate));
    if (other === undefined) return;
    throw new PciError("ERR_IRQ_BUSY", `${other} is enabled, so ${kind} cannot be`, {
      hint: `disable ${other} first`,
    });
  }

  #setError(result: number, kind: IrqKind, start: number, count: number): PciError {
    if (failedWith(result, "EINVAL") && start > 0) {
      return systemError(result, "ioctl VFIO_DEVICE_SET_IRQS", {
        code: "ERR_NOT_SUPPORTED",
        message: `${kind} vectors ${start} to ${start + count - 1} cannot be added live`,
        hint: "disable the kind and enable all vectors at once",
      });
    }
    return systemError(result, "ioctl VFIO_DEVICE_SET_IRQS", {
      message: `connecting ${kind} vectors ${start} to ${start + count - 1}`,
    });
  }

  #actError(result: number, kind: IrqKind, verb: string): PciError {
    const name = errnoName(result);
    if (name === "ENOTTY" || name === "EINVAL") {
      return systemError(result, "ioctl VFIO_DEVICE_SET_IRQS", {
        code: "ERR_NOT_SUPPORTED",
        message: `${kind} cannot ${verb} in its present state`,
        hint: this.#enabled.has(kind) ? `the kernel has no ${verb} for ${kind}` : `enable ${kind} first`,
      });
    }
    return systemError(result, "ioctl VFIO_DEVICE_SET_IRQS", { message: `${verb} of ${kind}` });
  }
}
