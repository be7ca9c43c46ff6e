/** `userpci doctor` on real kernels in which something is wrong: the rows of `tests/doctor/cases.ts`. */
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Diagnosis, diagnose } from "@userpci/sysfs/doctor";
import { openSnapshot } from "@userpci/sysfs/snapshot";
import type { RunOptions } from "@userpci/testbed";
import { testVm } from "@userpci/testbed/vitest";
import { describe, expect, it } from "vitest";
import { bootCases, type DoctorCase } from "../doctor/cases.ts";
import type { Step } from "./doctor/ask.ts";
import { bindScript } from "./harness/bind-script.ts";
import { compiled } from "./harness/guest-code.ts";
import { preparedVm } from "./harness/host.ts";
import { at, USER } from "./machines.ts";

type Name = keyof typeof bootCases;
type Scripts = Pick<Step, "before" | "after">;

const ASK = compiled(fileURLToPath(new URL("./doctor/ask.ts", import.meta.url)));
const COMMAND = fileURLToPath(new URL("../../packages/cli/bin/userpci.js", import.meta.url));
const tested = new Set<Name>();

/** Who asks, and how each set-up is made. */
interface Round {
  readonly machine: string;
  readonly user?: string;
  readonly memlock?: number;
  readonly cases: Partial<Record<Name, Scripts>>;
}

const take = (address: string, driver: string): string => `
  modprobe ${driver}
  echo ${driver} >/sys/bus/pci/devices/${address}/driver_override
  echo ${address} >/sys/bus/pci/devices/${address}/driver/unbind
  echo ${address} >/sys/bus/pci/drivers_probe`;
const group = (address: string): string =>
  `$(basename $(readlink /sys/bus/pci/devices/${address}/iommu_group))`;

const bindInNoIommuMode = `
  echo vfio-pci >/sys/bus/pci/devices/${at.edu}/driver_override
  echo ${at.edu} >/sys/bus/pci/drivers_probe`;

const rounds: readonly Round[] = [
  {
    machine: "main",
    cases: {
      goodRoot: {},
      goodMachine: {},
      bridge: {},
      absent: {},
      held: {
        before: `sh -c "exec 3<>/dev/vfio/${group(at.edu)}; echo \\$\\$ >/run/holder; exec sleep 100" >/dev/null 2>&1 &
          while [ ! -s /run/holder ]; do sleep 0.1; done`,
        after: "kill $(cat /run/holder)",
      },
      noDriver: {
        before: `echo ${at.edu} >/sys/bus/pci/drivers/vfio-pci/unbind`,
        after: bindScript([at.edu]),
      },
      otherDriver: { before: take(at.pairedE1000, "e1000") },
      notViable: { after: bindScript([at.pairedE1000]) },
    },
  },
  { machine: "main", user: String(USER), cases: { goodUser: {}, need: {} } },
  { machine: "main", user: String(USER), memlock: 64 * 1024, cases: { memlock: {} } },
  { machine: "noIommu", cases: { noIommu: {} } },
  { machine: "iommuOff", cases: { iommuOff: {} } },
  {
    machine: "noRemapping",
    cases: {
      // Other tests on this machine allow it.
      noRemapping: { before: "echo N >/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts" },
    },
  },
  { machine: "noIommuMode", cases: { noIommuMode: { before: bindInNoIommuMode } } },
  {
    machine: "remappingOff",
    cases: {
      // From then on it is allowed, and a warning.
      remappingOff: { after: "echo Y >/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts" },
      forbidden: {
        before: `rmmod vfio_pci vfio_pci_core
          mkdir -p /etc/modprobe.d; echo 'install vfio-pci /bin/false' >/etc/modprobe.d/no-vfio.conf`,
        after: "rm /etc/modprobe.d/no-vfio.conf",
      },
      noModule: {
        before: "mount -t tmpfs none /lib/modules/$(uname -r)",
        after: "umount /lib/modules/$(uname -r)",
      },
      modulesDisabled: { before: "echo 1 >/proc/sys/kernel/modules_disabled" },
    },
  },
];

/** Machines whose functions are bound and given to the ordinary user. */
const prepared = new Set(["main", "noRemapping"]);
const vmOf = (machine: string) => (prepared.has(machine) ? preparedVm(machine) : testVm(machine));

/** Set-ups of which a snapshot is made, and diagnosed on the host: it has to come to the same. */
const photographed: ReadonlySet<string> = new Set<Name>(["notViable", "memlock", "iommuOff", "noIommuMode"]);

/** A snapshot has no processes in it, and no mounts. */
const ofMoment: ReadonlySet<string> = new Set(["holders", "container"]);

async function expectSameOfSnapshot({ name, snapshot, address, need }: Step, seen: Diagnosis, host: string) {
  if (snapshot === undefined) return;
  using copy = openSnapshot(join(host, basename(snapshot)));
  const options = { ...(address !== undefined && { address }), ...(need !== undefined && { need }) };
  const diagnosis = await diagnose({ root: copy.root, ...options });
  const told = ({ findings }: Diagnosis) =>
    findings
      .filter(({ check }) => !ofMoment.has(check))
      // Nor has it names of users.
      .map(({ says, ...rest }) => ({ ...rest, says: says.replace("nobody (uid 65534)", "uid 65534") }))
      .map(({ check, status, says, because }) => ({ check, status, says, because }));
  expect(told(diagnosis), name).toEqual(told(seen));
}

function stepOf(name: string, scripts: Scripts, exchange: string): Step {
  const [first, option, second] = bootCases[name as Name].words as readonly string[];
  const size = first === "--need" ? option : second;
  return {
    name,
    ...scripts,
    ...(photographed.has(name) && { snapshot: join(exchange, `${name}.tar.gz`) }),
    ...(first !== undefined && { address: first }),
    ...(size !== undefined && { need: Number.parseInt(size, 10) * 2 ** 20 }),
  };
}

function expectCase(name: Name, diagnosis: Diagnosis): void {
  const { first, says, fix }: DoctorCase = bootCases[name];
  expect(diagnosis.first?.check ?? null, JSON.stringify(diagnosis.first)).toBe(first);
  expect(diagnosis.healthy).toBe(first === null);
  expect(diagnosis.first?.says ?? "").toContain(says);
  expect(diagnosis.first?.fix.join("\n") ?? "").toContain(fix);
  tested.add(name);
}

describe("the first diagnosis", () => {
  it.each(rounds)("on $machine as $user with $memlock", async ({ machine, user, memlock, cases }) => {
    const vm = await vmOf(machine);
    const steps = Object.entries(cases).map(([name, scripts]) => stepOf(name, scripts, vm.exchange.guest));
    const options: RunOptions = {
      check: true,
      user: user ?? "root",
      ...(memlock !== undefined && { memlock }),
    };
    const { stdout } = await vm.run(["node", ASK, JSON.stringify(steps)], options);
    const answers = JSON.parse(stdout) as Record<string, Diagnosis>;
    for (const name of Object.keys(cases) as Name[]) expectCase(name, answers[name]!);
    for (const step of steps) await expectSameOfSnapshot(step, answers[step.name]!, vm.exchange.host);
  });
});

describe("the command", () => {
  it("tells an ordinary user which command of root's opens a node of root's", async () => {
    const vm = await preparedVm("main");
    const node = `/dev/vfio/${group(at.edu)}`;
    const shell = (script: string) => vm.run(["/bin/sh", "-c", script], { check: true });
    await shell(`chown 0 ${node}`);
    try {
      const { code, stdout } = await vm.run(["node", COMMAND, "doctor", at.edu, "--json"], {
        user: String(USER),
      });
      expect(code).toBe(1);
      expectCase("rootOnly", JSON.parse(stdout) as Diagnosis);
    } finally {
      await shell(`chown ${USER} ${node}`);
    }
  });

  it("prints a line a check with its evidence, then the problem to mend first, in a container without nodes", async () => {
    const vm = await preparedVm("main");
    const inside = `mount -t tmpfs none /dev/vfio && exec node ${COMMAND} doctor ${at.edu}`;
    const script = `touch /run/.containerenv; unshare -m -u sh -c '${inside}'; status=$?; rm /run/.containerenv; exit $status`;
    const { code, stdout } = await vm.run(["/run/testbed/busybox", "sh", "-c", script]);
    const { says, fix } = bootCases.container;
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ok {7}IOMMU {18}dmar0 at work {2}\[\/sys\/class\/iommu: dmar0\]$/m);
    expect(stdout).toMatch(/^problem {2}node .*\(because of VFIO nodes\)/m);
    expect(stdout).toContain(`\nfirst    ${says}\n         fix  `);
    expect(stdout.slice(stdout.indexOf("\nfirst"))).toContain(fix);
    tested.add("container");
  });
});

it("every set-up of the table was made", () => {
  expect([...tested].sort()).toEqual(Object.keys(bootCases).sort());
});
