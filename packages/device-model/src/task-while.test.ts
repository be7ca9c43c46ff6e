import { expect, it } from "vitest";
import type { Pause, Task } from "./model.ts";
import { taskWhile } from "./task-while.ts";

const pause: Pause = { begin: (resume) => resume() };

function steps(live: () => boolean): { readonly task: Task; readonly log: string[] } {
  const log: string[] = [];
  function* work(): Task {
    try {
      for (const step of ["a", "b", "c"]) {
        log.push(step);
        yield pause;
      }
    } finally {
      log.push("end");
    }
  }
  return { task: taskWhile(live, work()), log };
}

it("goes on as long as the condition holds", () => {
  const { task, log } = steps(() => true);
  expect([...task]).toHaveLength(3);
  expect(log).toEqual(["a", "b", "c", "end"]);
});

it("ends at the next pause, with its finally, when the condition no longer holds", () => {
  let live = true;
  const { task, log } = steps(() => live);
  task.next();
  task.next();
  live = false;
  expect(task.next().done).toBe(true);
  expect(log).toEqual(["a", "b", "end"]);
});

it("ends what it runs when it is ended itself", () => {
  const { task, log } = steps(() => true);
  task.next();
  task.return();
  expect(log).toEqual(["a", "end"]);
});
