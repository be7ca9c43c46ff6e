import { fileURLToPath } from "node:url";
import type { Vm, VmProcess } from "@userpci/testbed";
import { beforeAll, expect, it } from "vitest";
import { expectLines, expectSchema } from "../../packages/cli/src/testing/schema.ts";
import { runLines } from "./harness/command-lines.ts";
import { compiled } from "./harness/guest-code.ts";
import { preparedVm } from "./harness/host.ts";
import { at, USER } from "./machines.ts";

const userpci = fileURLToPath(new URL("../../packages/cli/bin/userpci.js", import.meta.url));
const program = compiled(fileURLToPath(new URL("./watching-program.ts", import.meta.url)));
const user = String(USER);

let vm: Vm;
beforeAll(async () => {
  vm = await preparedVm("main");
});

/** Resolves when a process has said so. */
async function heard(stream: AsyncIterable<string>, word: string): Promise<void> {
  let text = "";
  for await (const chunk of stream) {
    text += chunk;
    if (text.includes(word)) return;
  }
  throw new Error(`it ended with: ${text}`);
}

async function ended(process: VmProcess): Promise<void> {
  process.kill("SIGKILL");
  await process.exited.catch(() => undefined);
}

it("userpci monitor tells an ordinary user of drivers that leave and come, as it happens", async () => {
  const address = at.pairedE1000;
  const bus = "/sys/bus/pci";
  const script = `echo ${address} >${bus}/drivers/vfio-pci/unbind; echo ${address} >${bus}/drivers_probe`;
  const monitor = vm.spawn(["node", userpci, "monitor", address, "--jsonl"], { user });
  const output = (async () => {
    let text = "";
    for await (const chunk of monitor.stdout) {
      text += chunk;
      if (text.includes('"action":"bind"')) monitor.kill("SIGINT");
    }
    return text;
  })();
  await heard(monitor.stderr, "watching");
  await vm.run(["sh", "-c", script], { check: true });
  const lines = expectLines("monitor", await output);
  expect(await monitor.exited).toMatchObject({ code: 0 });
  const actions = lines.filter(({ subsystem }) => subsystem === "pci").map(({ action }) => action);
  expect(actions).toEqual(["unbind", "bind"]);
  expect(lines.find(({ action }) => action === "bind")).toMatchObject({
    address,
    properties: { DRIVER: "vfio-pci", PCI_SLOT_NAME: address },
  });
});

it("userpci top and holders show the program that has a device open, by what it does", async () => {
  const directory = "/tmp/telemetry";
  const env = { USERPCI_TELEMETRY: directory };
  const top = `top --at ${directory} --json`;
  const holders = `holders ${at.edu} --json`;
  const modes = `! stat -c %a ${directory} ${directory}/*.sock`;
  const driving = vm.spawn(["node", program, at.edu], { user, env });
  try {
    await heard(driving.stdout, "ready");
    const told = await runLines(vm, [top, holders, modes]);
    const { programs } = expectSchema("top", told(top).out);
    expect(programs).toMatchObject([
      {
        uid: USER,
        devices: [
          {
            address: at.edu,
            backend: "vfio-group",
            mappings: [{ bar: 0, size: 1 << 20 }],
            dma: { buffers: 1, bytes: 8192, pinned: { scope: "process" } },
            interrupts: [{ kind: "msi", vector: 0, count: 3 }],
          },
        ],
      },
    ]);
    const [{ registers, dma }] = programs[0].devices;
    expect(registers.mapped.reads).toBeGreaterThan(0);
    expect(dma.pinned.used).toBeGreaterThanOrEqual(8192);
    const { holders: found } = expectSchema("holders", told(holders).out);
    expect(found).toMatchObject([{ pid: programs[0].pid, uid: USER, addresses: [at.edu] }]);
    expect(told(modes).out.split("\n")).toEqual(["700", "600", ""]);
  } finally {
    await ended(driving);
  }
});
