import { PciError } from "@userpci/interface";
import { describe, expect, it } from "vitest";
import { formatFailure, reportFailure, toFailure } from "./failure.ts";
import { createStyle } from "./style.ts";
import type { Terminal } from "./terminal.ts";

const plain = createStyle(false);

describe("toFailure", () => {
  it("keeps everything that an error of ours says", () => {
    const error = new PciError("ERR_PERMISSION", "no", {
      hint: "sudo it",
      path: "/dev/vfio/4",
      syscall: "open",
      details: { group: 4 },
      cause: new Error("EACCES", { cause: new Error("deeper") }),
    });
    expect(toFailure(error)).toEqual({
      code: "ERR_PERMISSION",
      message: "no",
      hint: "sudo it",
      path: "/dev/vfio/4",
      syscall: "open",
      details: { group: 4 },
      causes: ["EACCES", "deeper"],
    });
  });

  it("takes the test bed's summary in place of a message that repeats hint and log", () => {
    const error = Object.assign(new Error("it broke\n  hint: mend it\n--- log ---\nlast words"), {
      code: "ERR_TESTBED_BOOT",
      summary: "it broke",
      hint: "mend it",
      log: "last words\n",
    });
    expect(formatFailure(toFailure(error), plain)).toEqual([
      "error  it broke (ERR_TESTBED_BOOT)",
      "  hint   mend it",
      "  log    last words",
    ]);
  });

  it("shows where a fault of this program is, and takes anything that can be thrown", () => {
    expect(toFailure(new TypeError("oops"))).toMatchObject({
      code: "ERR_INTERNAL",
      stack: expect.stringContaining("failure.test"),
    });
    expect(toFailure("text")).toMatchObject({ code: "ERR_INTERNAL", message: "text" });
  });

  it("ends although a chain of causes does not", () => {
    const error = new Error("a");
    error.cause = error;
    expect(toFailure(error).causes.length).toBeLessThan(10);
  });
});

describe("formatFailure", () => {
  it("puts message, hints and causes under each other", () => {
    const failure = { code: "ERR_X", message: "first\nsecond", hint: "one\ntwo", causes: ["below"] };
    expect(formatFailure(failure, plain, "warning")).toEqual([
      "warning  first (ERR_X)",
      "       second",
      "  hint   one",
      "         two",
      "  cause  below",
    ]);
  });
});

describe("reportFailure", () => {
  const noted = (error: Error): string => {
    let notes = "";
    const note = (text: string): void => {
      notes += text;
    };
    const terminal = { write: () => expect.unreachable(), note, noteStyle: plain } as unknown as Terminal;
    reportFailure(error, terminal, "text");
    return notes;
  };

  it("ends with the command that tells more, where there is more to tell", () => {
    expect(noted(new PciError("ERR_BUSY", "no", { hint: "wait" }))).toBe(
      "error  no (ERR_BUSY)\n  hint   wait\n  more   userpci explain ERR_BUSY\n",
    );
    expect(noted(new PciError("ERR_USAGE", "no"))).toBe("error  no (ERR_USAGE)\n");
    expect(noted(new PciError("ENOSPC", "no"))).toBe("error  no (ENOSPC)\n");
  });
});
