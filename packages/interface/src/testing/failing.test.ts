import { describe, expect, it } from "vitest";
import { PciError } from "../errors.ts";
import { failing } from "./failing.ts";

const error = new PciError("ERR_BUSY", "page 7 is mapped", { hint: "unmap it first" });
const refuse = (): never => {
  throw error;
};

describe("failing", () => {
  it("matches by code, message and hint, thrown, rejected or as it is", async () => {
    expect(refuse).toThrow(failing("ERR_BUSY", /page 7/, /unmap/));
    await expect(Promise.reject(error)).rejects.toEqual(failing("ERR_BUSY"));
    expect([error]).toEqual([failing("ERR_BUSY", /mapped$/)]);
  });

  it.each([
    ["another code", failing("ERR_CLOSED")],
    ["other words", failing("ERR_BUSY", /page 8/)],
    ["another hint", failing("ERR_BUSY", /./, /map it again/)],
  ])("does not match by %s", (_what, matcher) => {
    expect(() => expect(refuse).toThrow(matcher)).toThrow();
    expect(error).not.toEqual(matcher);
  });

  it.each([
    [undefined],
    [null],
    ["ERR_BUSY"],
    [new Error("ERR_BUSY")],
    [Object.assign(new Error("no hint"), { code: "ERR_BUSY" })],
    [{ code: "ERR_BUSY", message: "", hint: "unmap it first" }],
  ])("matches nothing that is no error with a hint: %s", (thrown) => {
    expect(thrown).not.toEqual(failing("ERR_BUSY"));
  });

  it("says what it wants, where it fails", () => {
    expect(String(failing("ERR_BUSY", /page/))).toBe("failing(ERR_BUSY, /page/, /./)");
  });
});
