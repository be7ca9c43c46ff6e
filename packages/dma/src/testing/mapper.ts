import type { MapRequest } from "@userpci/interface";
import { MemoryMapper } from "@userpci/iommu";

/** A mapper that records the order of calls, fails where it is told to, and may be held up. */
export class TestMapper extends MemoryMapper {
  readonly calls: string[] = [];
  mapError: Error | undefined;
  unmapError: Error | undefined;
  /** Asynchronous calls wait for it. */
  gate: Promise<void> = Promise.resolve();

  override async map(request: MapRequest): Promise<void> {
    await this.gate;
    this.mapSync(request);
  }

  override mapSync(request: MapRequest): void {
    if (this.mapError !== undefined) throw this.mapError;
    super.mapSync(request);
    this.calls.push(`map ${request.size}`);
  }

  override async unmap(iova: bigint, size: number): Promise<void> {
    await this.gate;
    this.unmapSync(iova, size);
  }

  override unmapSync(iova: bigint, size: number): void {
    if (this.unmapError !== undefined) throw this.unmapError;
    super.unmapSync(iova, size);
    this.calls.push(`unmap ${size}`);
  }
}
