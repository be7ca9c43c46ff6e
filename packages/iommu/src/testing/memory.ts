import { type DmaMemory, PciError } from "@userpci/interface";

/** Memory on the JavaScript heap that counts its users, as the contract says. */
export class TestMemory implements DmaMemory {
  readonly size: number;
  readonly pageSize: number;
  readonly buffer: ArrayBuffer;
  users = 0;
  closed = false;

  constructor(size: number, pageSize = 4096, backing = true) {
    this.size = size;
    this.pageSize = pageSize;
    this.buffer = new ArrayBuffer(backing ? size : 0);
  }

  retain(): void {
    this.users++;
  }

  release(): void {
    this.users--;
  }

  close(): void {
    if (this.users > 0) throw new PciError("ERR_BUSY", `${this.users} mappings still use the memory`);
    this.closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
