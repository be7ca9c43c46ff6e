import type { Chapter } from "../suite.ts";
import { withBackend } from "./scene.ts";

/** Memory for DMA. */
export const memoryTests: Chapter = {
  "memory is zeroed, rounded up to pages, and gone when it is closed": (trial) =>
    withBackend(trial, (backend) => {
      const { memory: source } = backend;
      const memory = source.alloc(1, { label: "one byte" });
      trial.observe("one byte of memory takes a page", memory.size === memory.pageSize, true);
      const bytes = new Uint8Array(memory.buffer);
      trial.observe(
        "new memory is zero",
        bytes.every((byte) => byte === 0),
        true,
      );
      memory.close();
      trial.expect("close of closed memory", () => memory.close(), "ok");
      trial.observe("views of closed memory", bytes.length, 0);
      trial.expect("alloc(0)", () => source.alloc(0), "ERR_OUT_OF_RANGE");
      trial.expect("alloc(1.5)", () => source.alloc(1.5), "ERR_INVALID_ARGUMENT");
      trial.expect("pages of 64 KiB", () => source.alloc(1, { pageSize: 65_536 }), "ERR_NOT_SUPPORTED");
    }),
};
