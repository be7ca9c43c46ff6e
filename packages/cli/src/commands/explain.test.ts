import { describe, expect, it } from "vitest";
import { printed } from "../testing/printed.ts";
import { expectLines, expectSchema } from "../testing/schema.ts";

const explain = (...argv: string[]) => printed("explain", ...argv);

describe("userpci explain", () => {
  it("tells causes, evidence and what mends an error", async () => {
    const { status, out } = await explain("ERR_NO_IOMMU");
    expect(status).toBe(0);
    expect(out).toMatch(/^ERR_NO_IOMMU {2}the function is in no IOMMU group/);
    expect(out).toMatch(/\n {2}cause +VT-d or AMD-Vi is off/);
    expect(out).toMatch(/\n {2}evidence {2}`ls \/sys\/class\/iommu`/);
    expect(out).toMatch(/\n {2}fix +switch VT-d/);
  });

  it("gives programs the same, one by one or all", async () => {
    const { errors } = expectSchema("explain", (await explain("ebusy", "--json")).out);
    expect(errors).toMatchObject([{ code: "EBUSY", kind: "system" }]);
    const lines = expectLines("explain", (await explain("--jsonl")).out);
    expect(lines.map(({ code }) => code)).toEqual(expect.arrayContaining(["ERR_MEMLOCK", "ENOTTY"]));
    expect((await explain()).out.trimEnd().split("\n")).toHaveLength(lines.length);
  });

  it("names the codes that were perhaps meant", async () => {
    const { status, notes } = await explain("iova");
    expect(status).toBe(2);
    expect(notes).toMatch(/hint +did you mean ERR_IOVA_RANGE, ERR_IOVA_OVERLAP, ERR_IOVA_EXHAUSTED\?/);
    expect((await explain("nothing")).notes).toContain("`userpci explain` lists them all");
  });
});
