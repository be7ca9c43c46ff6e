import { describe, expect, it } from "vitest";
import { attach, capture } from "./process.mjs";

const node = process.execPath;

describe("capture", () => {
  it("gives what the command printed on standard output", async () => {
    expect(await capture(node, ["-e", "console.log('out'); console.error('err')"])).toBe("out\n");
  });

  it("fails with everything that was printed, the command and its status", async () => {
    const run = capture(node, ["-e", "console.log('out'); console.error('err'); process.exit(3)"]);
    await expect(run).rejects.toMatchObject({
      status: 3,
      message: expect.stringMatching(/out\nerr\n\n.*ended with status 3/s),
    });
  });

  it("names a command that does not exist", async () => {
    await expect(capture("no-such-command", [])).rejects.toThrow(/no-such-command.*ENOENT/);
  });
});

describe("attach", () => {
  it("gives the status, and 128 + the signal for a command that was killed", async () => {
    expect(await attach(node, ["-e", "process.exit(7)"])).toBe(7);
    expect(await attach(node, ["-e", "process.kill(process.pid, 'SIGKILL')"])).toBe(137);
  });
});
