import { loadNative, mapFile } from "./internals.ts";

const SIZE = 4096;

/** A page of memory in a file of its own, which a program can get by descriptor or path. */
export class SharedPage implements Disposable {
  readonly fd: number;
  readonly buffer: ArrayBuffer;
  readonly #unmap: () => void;

  constructor() {
    const native = loadNative();
    const { PROT_READ, PROT_WRITE } = native.constants;
    this.fd = native.memfd("userpci-benchmark", SIZE, 0, 0);
    const mapping = mapFile(native, { fd: this.fd, offset: 0, size: SIZE, rights: PROT_READ | PROT_WRITE });
    this.buffer = mapping.buffer;
    this.#unmap = mapping.unmap;
  }

  /** A path that another process can open while this one runs. */
  get path(): string {
    return `/proc/${process.pid}/fd/${this.fd}`;
  }

  [Symbol.dispose](): void {
    this.#unmap();
    loadNative().close(this.fd);
  }
}
