/** Memory of WebAssembly, 64 KiB at first. Node's types have no WebAssembly without those of browsers. */
export function wasmMemory(): { readonly buffer: ArrayBuffer } {
  const { Memory } = Reflect.get(globalThis, "WebAssembly");
  return new Memory({ initial: 1 });
}
