import { chmodSync, rmSync, statSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { bindOn } from "./bind.ts";
import { readEntry } from "./journal.ts";
import { planRelease } from "./plan-release.ts";
import { restoreOn } from "./restore.ts";
import { FakeKernel } from "./testing/fake-kernel.ts";
import { failure, NIC, useFakeSystem } from "./testing/fake-system.ts";
import { writeMachine } from "./testing/machine.ts";

const system = useFakeSystem();

// Drivers of the kernel are called so: drivers/media/pci/saa7146/hexium_gemini.c.
it("gives a function back to a driver with a space in its name, also after a bind that was killed", async () => {
  const { root } = system();
  const driver = "hexium gemini";
  rmSync(`${root}/sys/bus/pci/drivers/e1000e`, { recursive: true });
  writeMachine(root, { functions: [{ address: NIC, id: "1131:7146", driver, group: 6 }] });
  const kernel = new FakeKernel(root, { [driver]: ["1131:7146"] });
  await bindOn(kernel, NIC, { root });
  expect(system().driverOf(NIC)).toBe("vfio-pci");
  expect(await readEntry(NIC, { root })).toMatchObject({ formerDriver: driver });
  await restoreOn(kernel, NIC, { root });
  expect(system().driverOf(NIC)).toBe(driver);
});

it("passes over an entry that names what is no node, or no owner of one", async () => {
  await system().bind(NIC, { user: "alice" });
  const entry = system().journal(NIC);
  const owner = { uid: 0, gid: 0, mode: 0o600 };
  const read = (nodes: unknown) => {
    writeFileSync(system().journalPath(NIC), JSON.stringify({ ...entry, nodes }));
    return readEntry(NIC, system());
  };
  for (const path of ["/dev/iommu", "/dev/vfio/6", "/dev/vfio/noiommu-0", "/dev/vfio/devices/vfio0"])
    expect(await read({ [path]: owner }), path).toMatchObject({ nodes: { [path]: owner } });
  for (const path of ["/etc/shadow", "/dev/vfio/../sda", "/dev/vfio/devices/../../sda", "/dev/vfio/"])
    expect(await read({ [path]: owner }), path).toBeNull();
  for (const wrong of [null, {}, { ...owner, uid: -1 }, { ...owner, gid: "0" }, { ...owner, mode: 0o10000 }])
    expect(await read({ "/dev/vfio/6": wrong }), JSON.stringify(wrong)).toBeNull();
  expect(await read([])).toBeNull();
});

it("can be read by everybody, whatever the umask of whoever bound the function", async () => {
  const umask = process.umask(0o077);
  try {
    await system().bind(NIC);
  } finally {
    process.umask(umask);
  }
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
  expect(mode(system().path("/run/userpci"))).toBe("755");
  expect(mode(system().journalPath(NIC))).toBe("644");
});

it("is not taken for none where this user may not read it", async () => {
  await system().bind(NIC);
  const { root } = system();
  chmodSync(root, 0o755);
  // Root may read what nobody may.
  const isRoot = process.getuid?.() === 0;
  for (const path of [system().path("/run/userpci"), system().journalPath(NIC)]) {
    const { mode } = statSync(path);
    chmodSync(path, 0);
    if (isRoot) process.seteuid?.(65534);
    const error = await failure(planRelease(NIC, { root })).finally(() => {
      if (isRoot) process.seteuid?.(0);
      chmodSync(path, mode);
    });
    expect(error).toMatchObject({ code: "ERR_PERMISSION", path: system().journalPath(NIC) });
    expect(error.hint).toContain("run it as root");
  }
});
