import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Vm } from "@userpci/testbed";
import { LANE_VARIABLE, reportGuests, SOCKET_VARIABLE, testVm, vmSetup } from "@userpci/testbed/vitest";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

let tearDown: () => Promise<void>;
let rerun: () => Promise<void>;
let outer: string | undefined;
let vm: Vm;

beforeAll(async () => {
  outer = process.env[SOCKET_VARIABLE];
  const project = {
    onTestsRerun: (callback: () => Promise<void>) => {
      rerun = callback;
    },
  };
  tearDown = await vmSetup({ edu: { devices: ["edu"] }, broken: { devices: ["no-such-device"] } })(project);
  vm = await testVm("edu");
});
afterAll(async () => {
  await tearDown?.();
  if (outer !== undefined) process.env[SOCKET_VARIABLE] = outer;
});

const bootId = async (machine: Vm) =>
  (await machine.run(["cat", "/proc/sys/kernel/random/boot_id"], { check: true })).stdout.trim();

test("every test gets the same boot, with all of a machine's methods", async () => {
  await using second = await testVm("edu");
  expect(await bootId(second)).toBe(await bootId(vm));
  const result = await vm.run(["sh", "-c", "cat; echo e >&2; exit 2"], {
    input: "x".repeat(300_000),
    user: 65534,
  });
  expect(result).toMatchObject({ code: 2, stderr: "e\n" });
  expect(result.stdout).toHaveLength(300_000);
  expect(await vm.qmp("query-status")).toMatchObject({ running: true });
  expect(await vm.dmaFaults()).toEqual([]);
  expect(await vm.kernelLog()).toMatch(/VFIO/);
  expect(vm.exchange.guest).toMatch(/^\//);
});

test("what runs beside a test has a boot of its own", async () => {
  const lane = process.env[LANE_VARIABLE]!;
  process.env[LANE_VARIABLE] = "beside";
  try {
    await using other = await testVm("edu");
    expect(await bootId(other)).not.toBe(await bootId(vm));
    expect(other.exchange.host).not.toBe(vm.exchange.host);
    await other.close();
    process.env[LANE_VARIABLE] = "later";
    await using later = await testVm("edu");
    expect(later.exchange.host).toBe(other.exchange.host);
  } finally {
    process.env[LANE_VARIABLE] = lane;
  }
});

test("a machine that nobody uses stands still, and goes on when somebody does", async () => {
  const lane = process.env[LANE_VARIABLE]!;
  const uptime = async (machine: Vm) =>
    Number.parseFloat((await machine.run(["cat", "/proc/uptime"], { check: true })).stdout);
  process.env[LANE_VARIABLE] = "resting";
  try {
    const first = await testVm("edu");
    const [boot, before] = [await bootId(first), await uptime(first)];
    const begun = performance.now();
    await first.close();
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    await using again = await testVm("edu");
    expect(await bootId(again)).toBe(boot);
    const wentOn = (await uptime(again)) - before;
    expect((performance.now() - begun) / 1000 - wentOn).toBeGreaterThan(5);
  } finally {
    process.env[LANE_VARIABLE] = lane;
  }
});

test("a test that fails shows what the guest gave, and nobody else does", async () => {
  await vm.run(["sh", "-c", "echo MARK >/dev/kmsg; echo printed; exit 3"]);
  let after: Parameters<Parameters<typeof reportGuests>[0]>[0];
  reportGuests((each) => {
    after = each;
  });
  const notes: string[] = [];
  const write = vi.spyOn(process.stderr, "write").mockImplementation((text) => notes.push(String(text)) > 0);
  try {
    await after!({ task: { name: "good", result: { state: "pass" } } });
    expect(notes).toEqual([]);
    await after!({ task: { name: "bad", result: { state: "fail" } } });
  } finally {
    write.mockRestore();
  }
  expect(notes.join("")).toMatch(
    /machine edu after "bad" failed\n[\s\S]*exit status 3\nprinted\n[\s\S]*kernel log[\s\S]*MARK/,
  );
});

test("errors cross the socket with code and log", async () => {
  await expect(vm.run(["no-such-program"])).rejects.toMatchObject({ code: "ERR_TESTBED_SPAWN" });
  await expect(vm.run(["sleep", "100"], { timeoutMs: 300 })).rejects.toMatchObject({
    code: "ERR_TESTBED_TIMEOUT",
    log: expect.stringMatching(/\[guest kernel log\]\n\[/),
  });
  await expect(vm.qmp("nonsense")).rejects.toMatchObject({ code: "ERR_TESTBED_QMP" });
  await expect(testVm("broken")).rejects.toMatchObject({
    code: "ERR_TESTBED_EXITED",
    message: /no-such-device/,
  });
  await expect(testVm("unknown")).rejects.toMatchObject({
    code: "ERR_TESTBED_ARGUMENT",
    message: /known: edu, broken/,
  });
});

test("commands end with the process that asked for them, and an idle connection does not keep that alive", async () => {
  const client = join(vm.exchange.host, "client.mjs");
  const library = import.meta.resolve("@userpci/testbed/vitest");
  await writeFile(
    client,
    `import { testVm } from ${JSON.stringify(library)};
     const vm = await testVm("edu");
     if (process.argv[2] === "hang") {
       vm.spawn(["sh", "-c", "echo up; exec sleep 4343"]).stdout.once("data", () => process.send("up"));
     } else {
       await vm.run(["true"], { check: true });
       process.disconnect();
     }`,
  );
  const idle = fork(client, ["idle"]);
  expect(await once(idle, "exit")).toEqual([0, null]);
  const hanging = fork(client, ["hang"]);
  await once(hanging, "message");
  const count = async () =>
    (await vm.run(["sh", "-c", "ps -eo args | grep -c '^sleep 434[3]'"])).stdout.trim();
  await expect.poll(count).toBe("1");
  hanging.kill("SIGKILL");
  await expect.poll(count).toBe("0");
});

test("a panic is reported at once, with the console, to the command that was running and to later ones", async () => {
  const started = performance.now();
  const script = "echo c >/proc/sysrq-trigger; sleep 100";
  const error = await vm.run(["sh", "-c", script]).catch((reason: unknown) => reason);
  expect(performance.now() - started).toBeLessThan(20_000);
  expect(error).toMatchObject({
    code: "ERR_TESTBED_PANIC",
    summary: expect.stringMatching(/^Kernel panic - not syncing: sysrq/),
    log: expect.stringMatching(/sysrq_handle_crash/),
  });
  await expect(vm.run(["true"])).rejects.toMatchObject({ code: "ERR_TESTBED_PANIC" });
  expect(await vm.console()).toMatch(/Kernel panic/);
  expect(await vm.kernelLog()).toMatch(/Kernel panic/);
});

test("a test that kills the guest fails alone: the next one gets a new boot", async () => {
  const dead = vm;
  vm = await testVm("edu");
  expect(vm.exchange.host).not.toBe(dead.exchange.host);
  expect(await bootId(vm)).toMatch(/^[0-9a-f-]{36}$/);
});

test("a new run in watch mode does not keep the old boot", async () => {
  await rerun();
  await expect(vm.run(["true"])).rejects.toMatchObject({ code: "ERR_TESTBED_CLOSED" });
});
