import type { IrqTarget, SharedIrqTarget } from "@userpci/interface";
import type { Recorder } from "./recorder.ts";

/** What a target needs of its device. */
export interface TargetTrace {
  readonly recorder: Recorder;
  readonly device: number;
  /** Called before an interrupt is noted. */
  noteMemory(): void;
}

/** An interrupt target that notes what arrives. */
export class RecordedTarget implements IrqTarget {
  readonly inner: IrqTarget;
  /** In the order of `createIrqTarget`, from 0. */
  readonly number: number;
  readonly #trace: TargetTrace;

  constructor(inner: IrqTarget, number: number, trace: TargetTrace) {
    this.inner = inner;
    this.number = number;
    this.#trace = trace;
    // Those that cannot be shared do not have the methods.
    if (inner.share !== undefined) this.share = () => this.inner.share!();
    if (inner.unshare !== undefined) this.unshare = () => this.inner.unshare!();
  }

  /** What another thread takes is not noted. */
  declare share?: () => SharedIrqTarget;
  declare unshare?: () => void;

  get closed(): boolean {
    return this.inner.closed;
  }

  get shared(): boolean {
    return this.inner.shared ?? false;
  }

  listen(listener: (count: number) => void): void {
    const { recorder, device } = this.#trace;
    this.inner.listen((count) => {
      this.#trace.noteMemory();
      recorder.note(device, { kind: "interrupt", target: this.number, count });
      listener(count);
    });
  }

  unlisten(): void {
    this.inner.unlisten();
  }

  ref(on: boolean): void {
    this.inner.ref(on);
  }

  take(): number {
    return this.#taking("take", [], () => this.inner.take());
  }

  waitSync(timeoutMs: number, spinUs = 0): number {
    return this.#taking("waitSync", [timeoutMs, spinUs], () => this.inner.waitSync(timeoutMs, spinUs));
  }

  signal(count = 1): void {
    const { recorder, device } = this.#trace;
    recorder.call(device, "signal", [this.number, count], () => this.inner.signal(count));
  }

  close(): void {
    this.inner.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #taking(method: string, args: readonly number[], take: () => number): number {
    const { recorder, device } = this.#trace;
    const taken = (): number => {
      const count = take();
      this.#trace.noteMemory();
      return count;
    };
    return recorder.call(device, method, [this.number, ...args], taken, (count) => count);
  }
}
