import { describe, expect, it } from "vitest";
import type { Connection } from "./connection.ts";
import { Registers } from "./registers.ts";

describe("a read of many bytes", () => {
  it.each([
    ["less than it was asked for", 4, 3, "the server answered a read of 4 bytes with 3, which it calls 4"],
    ["a count that is another", 2, 4, "the server answered a read of 4 bytes with 4, which it calls 2"],
  ])("ends the connection of a server that gives %s", (_what, count, length, message) => {
    const ended: Error[] = [];
    const connection = {
      call: () => ({ values: { count }, tail: new Uint8Array(length) }),
      end(error: Error): Error {
        ended.push(error);
        return error;
      },
    };
    const registers = new Registers(connection as unknown as Connection, 1024);
    const target = new Uint8Array(4).fill(0x55);
    expect(() => registers.readBytes(6, 0, target)).toThrow(message);
    expect(ended).toMatchObject([{ code: "ERR_PROTOCOL" }]);
    expect(target).toEqual(new Uint8Array(4).fill(0x55));
  });
});
