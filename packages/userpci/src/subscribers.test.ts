import { expect, it } from "vitest";
import { Subscribers } from "./subscribers.ts";

it("calls every listener, though one throws, and gives what they answer", async () => {
  const others = process.listeners("uncaughtException");
  const uncaught: unknown[] = [];
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => uncaught.push(error));
  try {
    const all = new Subscribers<number, number>("on(f)");
    all.add((event) => event + 1);
    all.add(() => {
      throw new Error("of a listener");
    });
    const last = all.add((event) => event + 2);
    expect(all.emit(10)).toEqual([11, 12]);
    last.close();
    last.close();
    expect([all.size, all.emit(20)]).toEqual([2, [21]]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(uncaught).toEqual([new Error("of a listener"), new Error("of a listener")]);
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const other of others) process.on("uncaughtException", other);
  }
});

it.each([[undefined], [null], [5], [{}]])("a listener that is %o is refused", (listener) => {
  expect(() => new Subscribers("on(f)").add(listener as never)).toThrow(
    expect.objectContaining({ code: "ERR_INVALID_ARGUMENT", hint: "on(f)" }),
  );
});
