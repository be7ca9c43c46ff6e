import type { OwnedRegion } from "@userpci/interface";
import { MappedRegion } from "./internals.ts";
import type { SharedPage } from "./shared-page.ts";

/** The region that `device.bar(n).map()` gives on the kernel's backends, over ordinary memory. */
export function kernelBar(page: SharedPage): OwnedRegion {
  const supervisor = {
    assertUsable: () => undefined,
    decodesMemory: () => true,
    faultError: () => {
      throw new Error("memory does not fault");
    },
    goneError: () => undefined,
    delete: () => undefined,
  };
  const window = {
    offset: 0,
    buffer: page.buffer,
    // Outside V8's heap, as the addon's is.
    fault: new Int32Array(new ArrayBuffer(64)),
    remap: () => undefined,
    release: () => undefined,
  };
  return new MappedRegion("BAR 0", window, supervisor);
}
