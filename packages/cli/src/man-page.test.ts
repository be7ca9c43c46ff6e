import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { progressToStderr, provisionProgram } from "@userpci/testbed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commands } from "./commands.ts";
import { manPage } from "./man-page.ts";

const page = manPage({ version: "1.2.3", date: "2026-11-21" });

let file = "";
beforeAll(() => {
  const folder = mkdtempSync(join(tmpdir(), "userpci-man-"));
  file = join(folder, "userpci.1");
  writeFileSync(file, page);
});
afterAll(() => rmSync(join(file, ".."), { recursive: true }));

async function mandoc(...argv: string[]): Promise<string> {
  const { command } = await provisionProgram("mandoc", progressToStderr);
  const [program, ...leading] = command;
  const { stdout } = await promisify(execFile)(program, [...leading, ...argv, file]);
  return stdout;
}

describe("the man page", () => {
  it("is what mandoc finds nothing to say about", async () => {
    // It would look for the pages that ours refers to on this machine.
    expect(await mandoc("-T", "lint", "-W", "style,stop").catch((error) => error.stdout)).toBe("");
  });

  it("shows every command with its arguments, options and examples as help does", async () => {
    const text = (await mandoc("-T", "utf8", "-O", "width=1000")).replace(/.[\b]/g, "");
    const words = text.replace(/\s+/g, " ");
    for (const { name, summary, arguments: values, options, examples } of commands) {
      expect(words).toContain(
        `${[name, ...values.map(({ usage }) => usage.replace(/[<>]/g, ""))].join(" ")} `,
      );
      for (const part of [summary, ...[...values, ...options].map(({ about }) => about)])
        expect(words).toContain(part.replaceAll("`", "").replaceAll("…", "...").replace(/\s+/g, " "));
      for (const { usage } of options) expect(words).toContain(usage.replace(/[<>]/g, ""));
      for (const [line] of examples) expect(words).toContain(`userpci ${line}`.replaceAll("…", "..."));
    }
  });
});
