import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../run.ts";
import { createStyle } from "../style.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "userpci-serve-"));
  writeFileSync(join(folder, "none.mjs"), "export default 5;\n");
  writeFileSync(join(folder, "named.mjs"), "export const model = 5;\n");
  writeFileSync(join(folder, "broken.mjs"), "export default (;\n");
  writeFileSync(join(folder, "list.mjs"), "export default () => [];\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

async function userpci(...argv: string[]) {
  let out = "";
  const style = createStyle(false);
  const status = await run([...argv, "--json"], {
    write: (text) => {
      out += text;
    },
    note: () => undefined,
    style,
    noteStyle: style,
    interactive: false,
    columns: undefined,
    noteColumns: undefined,
  });
  return { status, error: JSON.parse(out).error };
}

describe("userpci serve, of a command line that means nothing", () => {
  it("asks for a socket", async () => {
    const { status, error } = await userpci("serve", "edu");
    expect(status).toBe(2);
    expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT", hint: expect.stringContaining("--socket") });
  });

  it("takes no empty path, which would be that of the folder", async () => {
    const { status, error } = await userpci("serve", "edu", "--socket", "");
    expect(status).toBe(2);
    expect(error.message).toBe("a server needs a socket");
    expect(error.hint).not.toContain("rm ");
  });

  it("does not tell to remove what is no socket", async () => {
    const { status, error } = await userpci("serve", "edu", "--socket", folder);
    expect(status).toBe(2);
    expect(error.message).toContain("is no socket");
    expect(error.hint).not.toContain("rm ");
  });

  it.each([
    ["a model that there is not", "edo", "edu, nvme"],
    ["a module that exports something else", "none.mjs", "DeviceModel"],
    ["a module that exports nothing in a list", "list.mjs", "DeviceModel"],
    ["a module without a default export", "named.mjs", "export default"],
    ["a module that cannot be loaded", "broken.mjs", "broken.mjs says where"],
  ])("tells of %s", async (_what, name, hint) => {
    const model = name.includes(".") ? join(folder, name) : name;
    const { status, error } = await userpci("serve", model, "--socket", join(folder, "s"));
    expect(status).toBe(2);
    expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT", hint: expect.stringContaining(hint) });
  });

  it("tells how many clients there may be", async () => {
    const { status, error } = await userpci("serve", "edu", "--socket", join(folder, "s"), "--clients", "2");
    expect(status).toBe(2);
    expect(error).toMatchObject({ hint: "--clients one or --clients many" });
  });

  it("tells of a path that is too long for a socket", async () => {
    const { status, error } = await userpci("serve", "edu", "--socket", join(folder, "s".repeat(120)));
    expect(status).toBe(2);
    expect(error).toMatchObject({ hint: expect.stringContaining("107 bytes") });
  });
});
