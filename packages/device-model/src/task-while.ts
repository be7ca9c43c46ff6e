import type { Task } from "./model.ts";

/**
 * A task that ends at its next pause once a condition no longer holds: for what a register stops, such as the reset of a
 * controller or the end of a queue. A reset of the function needs none; the host ends all tasks then.
 *
 * @param holds asked after each pause
 */
export function* taskWhile(holds: () => boolean, task: Task): Task {
  try {
    for (;;) {
      const step = task.next();
      if (step.done) return;
      yield step.value;
      if (!holds()) return;
    }
  } finally {
    task.return();
  }
}
