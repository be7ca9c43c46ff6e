import type { MemoryOptions, SharedMemory, SharedMemoryView } from "@userpci/interface";
import { TestMemory, TestSource } from "./memory.ts";

/** Memory that another thread could map; here that is the same thread, and the same buffer. */
class ShareableMemory extends TestMemory {
  /** Called when the memory is gone. */
  readonly ended: (() => void)[] = [];

  share(): SharedMemory {
    return { type: "test", memory: this } as SharedMemory;
  }

  override close(): void {
    super.close();
    // As the event loop of another thread would find out: later.
    setTimeout(() => {
      for (const tell of this.ended) tell();
    }, 0);
  }
}

/** Allocates memory that can be shared. */
export class ShareableSource extends TestSource {
  override alloc(size: number, options: MemoryOptions = {}): TestMemory {
    const { size: rounded } = super.alloc(size, options);
    this.given.pop();
    const memory = new ShareableMemory(rounded, this.pageSize, options);
    this.given.push(memory);
    return memory;
  }
}

/** Another thread's view. It outlives the memory as a mapping does. */
export function mapSharedMemory(shared: SharedMemory, ended: () => void): SharedMemoryView {
  const { memory } = shared as unknown as { memory: ShareableMemory };
  let buffer = memory.buffer.slice();
  memory.ended.push(ended);
  const adopted = {
    size: memory.size,
    closed: false,
    get buffer() {
      return buffer;
    },
    get ended() {
      return memory.closed;
    },
    close() {
      if (adopted.closed) return;
      adopted.closed = true;
      structuredClone(buffer, { transfer: [buffer] });
      buffer = new ArrayBuffer(0);
    },
    [Symbol.dispose]: () => adopted.close(),
  };
  return adopted;
}
