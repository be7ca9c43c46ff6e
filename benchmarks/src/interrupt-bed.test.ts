import type { Vector } from "@userpci/irq";
import { expect, it } from "vitest";
import { InterruptBed } from "./interrupt-bed.ts";

// Vitest fails for a rejection that nobody handles.
it("a missing interrupt is the failure, and not that the round then ends without a figure", async () => {
  const bed = { round: () => Promise.reject(new Error("ended in the middle of a round")) };
  const vector = { waitSync: () => 0 } as unknown as Vector;
  const wait = InterruptBed.prototype.roundOfWaits.call(bed as unknown as InterruptBed, vector);
  await expect(wait).rejects.toThrow("no interrupt came");
});
