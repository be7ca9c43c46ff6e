import type { MapRequest } from "@userpci/interface";
import { MemoryMapper } from "../memory-mapper.ts";

/** A mapper whose asynchronous calls wait until the test lets them go, and which fails where it is told to. */
export class SlowMapper extends MemoryMapper {
  /** What `map`, `mapSync`, `unmap` and `unmapSync` throw, as long as it is set. */
  mapError: Error | undefined;
  unmapError: Error | undefined;
  closeError: Error | undefined;
  #held = false;
  readonly #waiting: (() => void)[] = [];

  /** From now on asynchronous calls wait for {@link letGo}. */
  hold(): void {
    this.#held = true;
  }

  letGo(): void {
    this.#held = false;
    for (const resume of this.#waiting.splice(0)) resume();
  }

  override async map(request: MapRequest): Promise<void> {
    await this.#turn();
    this.mapSync(request);
  }

  override mapSync(request: MapRequest): void {
    if (this.mapError !== undefined) throw this.mapError;
    super.mapSync(request);
  }

  override async unmap(iova: bigint, size: number): Promise<void> {
    await this.#turn();
    this.unmapSync(iova, size);
  }

  override unmapSync(iova: bigint, size: number): void {
    if (this.unmapError !== undefined) throw this.unmapError;
    super.unmapSync(iova, size);
  }

  override close(): void {
    if (this.closeError !== undefined) throw this.closeError;
    super.close();
  }

  async #turn(): Promise<void> {
    if (this.#held) await new Promise<void>((resume) => this.#waiting.push(resume));
  }
}
