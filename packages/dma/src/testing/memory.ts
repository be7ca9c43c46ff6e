import { type DmaMemory, type MemoryOptions, type MemorySource, PciError } from "@userpci/interface";

/** Memory on the JavaScript heap, detached on close as the contract says. */
export class TestMemory implements DmaMemory {
  readonly size: number;
  readonly pageSize: number;
  readonly buffer: ArrayBuffer;
  readonly options: MemoryOptions;
  closed = false;
  users = 0;
  /** How often `close` was called. */
  closes = 0;
  /** What `close` throws, as long as it is set. */
  closeError: Error | undefined;
  /** None, unless a test puts one in. */
  closeAsync?: () => Promise<void>;

  constructor(size: number, pageSize = 4096, options: MemoryOptions = {}) {
    this.size = size;
    this.pageSize = pageSize;
    this.buffer = new ArrayBuffer(size);
    this.options = options;
  }

  retain(): void {
    this.users++;
  }

  release(): void {
    this.users--;
  }

  close(): void {
    this.closes++;
    if (this.closed) return;
    if (this.users > 0) throw new PciError("ERR_BUSY", "closed under a mapping");
    if (this.closeError !== undefined) throw this.closeError;
    this.closed = true;
    // From Node 22 on none can be transferred twice.
    if (this.buffer.byteLength > 0) structuredClone(this.buffer, { transfer: [this.buffer] });
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Hands out {@link TestMemory} and remembers what it gave. */
export class TestSource implements MemorySource {
  readonly name = "test";
  readonly pageSize = 4096;
  readonly given: TestMemory[] = [];
  /** Sizes that were asked for. */
  readonly asked: number[] = [];

  /** What is allocated and not closed. */
  get open(): TestMemory[] {
    return this.given.filter((memory) => !memory.closed);
  }

  alloc(size: number, options: MemoryOptions = {}): TestMemory {
    const pageSize = options.pageSize ?? this.pageSize;
    if (pageSize > 2 ** 21) {
      throw new PciError("ERR_NOT_SUPPORTED", `no pages of ${pageSize} bytes`, { hint: "take 4096" });
    }
    const memory = new TestMemory(Math.ceil(size / pageSize) * pageSize, pageSize, options);
    this.asked.push(size);
    this.given.push(memory);
    return memory;
  }
}
