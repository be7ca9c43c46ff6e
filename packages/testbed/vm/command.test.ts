import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const COMMAND = fileURLToPath(new URL("../dist/main.js", import.meta.url));

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

function testbed(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

test("run streams the output and ends with the command's status", async () => {
  const script = "id -u; ls /sys/bus/pci/devices; echo problem >&2; exit 7";
  const { code, stdout, stderr } = await testbed(
    "run",
    "--device",
    "edu",
    "--user",
    "65534",
    "--",
    "sh",
    "-c",
    script,
  );
  expect(code).toBe(7);
  expect(stdout).toMatch(/^65534\n[\s\S]*0000:00:04\.0\n/);
  expect(stderr).toMatch(/testbed: booting Linux 6[\s\S]*problem\n/);
});

test("run --json gives one object", async () => {
  const { code, stdout } = await testbed(
    "run",
    "--json",
    "--quiet",
    "--",
    "sh",
    "-c",
    "echo hello; kill -9 $$",
  );
  expect(code).toBe(137);
  expect(JSON.parse(stdout)).toMatchObject({
    code: null,
    signal: "SIGKILL",
    stdout: "hello\n",
    stderr: "",
    dmaFaults: [],
    bootMs: expect.any(Number),
  });
});

test("run past its time ends with 124, a failed boot with 125, a wrong word with 2", async () => {
  const late = await testbed("run", "--timeout", "0.5", "--", "sleep", "100");
  expect([late.code, late.stderr]).toEqual([124, expect.stringMatching(/ERR_TESTBED_TIMEOUT: sleep 100/)]);
  const refused = await testbed("run", "--device", "no-such-device", "--", "true");
  expect([refused.code, refused.stderr]).toEqual([125, expect.stringMatching(/no-such-device/)]);
  const wrong = await testbed("run", "--devise", "edu", "--", "true");
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/--devise/)]);
});

test("provision says what it chose, and nothing else when there is nothing to do", async () => {
  const { code, stdout, stderr } = await testbed("provision", "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({ kernel: { image: expect.stringMatching(/vmlinuz/) } });
});
