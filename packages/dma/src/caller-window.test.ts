import { oddValues, wrongAnswers } from "@userpci/interface/testing";
import { describe, expect, it } from "vitest";
import { callerWindow } from "./caller-window.ts";
import { TestMemory } from "./testing/memory.ts";

const K = 4096;
const memory = (part: object) => Object.defineProperties(new TestMemory(2 * K), describing(part));
const describing = (part: object) => Object.getOwnPropertyDescriptors(part);
const whole = (part: object) => callerWindow(memory(part), 0, 2 * K);

describe("the caller's bytes of a mapping", () => {
  it("are all of plain memory, and what is between lead and length of others", () => {
    expect(whole({})).toEqual({ offset: 0, size: 2 * K, start: 0 });
    expect(whole({ lead: 16, length: 5000 })).toEqual({ offset: 16, size: 5000, start: 16 });
    expect(whole({ lead: 16, length: 5000, byteOffset: -16 })).toEqual({ offset: 16, size: 5000, start: 0 });
    const second = callerWindow(memory({ lead: 16, length: 5000 }), K, K);
    expect(second).toEqual({ offset: K, size: 920, start: K });
  });

  it("need no buffer of this process, and must be in that which there is", () => {
    expect(whole({ buffer: new ArrayBuffer(0) }).size).toBe(2 * K);
    const refused = expect.objectContaining({ code: "ERR_OUT_OF_RANGE", hint: expect.stringMatching(/./) });
    expect(() => whole({ buffer: new ArrayBuffer(K) })).toThrow(refused);
    expect(() => whole({ byteOffset: -1 })).toThrow(refused);
    expect(() => whole({ byteOffset: 1 })).toThrow(refused);
  });

  it("are those of no memory whose description is odd", () => {
    const wrong = wrongAnswers({
      lead: (odd) => whole({ lead: odd }),
      length: (odd) => whole({ length: odd }),
      byteOffset: (odd) => whole({ byteOffset: odd }),
    });
    const notObjects = oddValues.filter((value) => typeof value !== "object" || Array.isArray(value));
    expect([...wrong, ...wrongAnswers({ buffer: (odd) => whole({ buffer: odd }) }, notObjects)]).toEqual([]);
  });
});
