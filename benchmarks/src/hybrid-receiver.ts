// One round of the hybrid wait, in a process of its own; prints its figure.
import { InterruptBed } from "./interrupt-bed.ts";

/** Longer than the source waits between two interrupts, so that a spinning wait never sleeps. */
const BUDGET_US = 1000;

/** Rounds that are not counted, in which V8 compiles. */
const WARM_UP_ROUNDS = 20;

await using bed = new InterruptBed("spin");
const vector = bed.vector();
for (let round = 0; round < WARM_UP_ROUNDS; round++) await bed.roundOfWaits(vector, BUDGET_US);
console.log(await bed.roundOfWaits(vector, BUDGET_US));
