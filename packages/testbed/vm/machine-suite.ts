import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BootOptions, boot, TestbedError, type Vm } from "@userpci/testbed";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const USER = 65534;
const HUGEPAGES = 8;

/** Tests of a booted machine, which hold for every kernel. The last one ends the machine. */
export function testMachine(options: BootOptions): void {
  let vm: Vm;

  beforeAll(async () => {
    vm = await boot({
      ...options,
      devices: ["edu", "pci-testdev", "nvme", "igb", "e1000e"],
      hugepages: HUGEPAGES,
    });
  });
  afterAll(() => vm?.close());

  /** Output of a shell script that must succeed. */
  async function sh(script: string, user?: number): Promise<string> {
    const options = { check: true, cwd: "/", ...(user === undefined ? {} : { user }) };
    return (await vm.run(["sh", "-c", script], options)).stdout.trim();
  }

  describe("commands", () => {
    test("run as root", async () => {
      expect(await sh("id -u; id -g")).toBe("0\n0");
    });

    test("run as an ordinary user without root's groups or capabilities", async () => {
      expect(await sh("id -u; id -G", USER)).toBe("65534\n65534");
      expect(await sh("grep CapEff /proc/self/status", USER)).toMatch(/CapEff:\t0{16}/);
    });

    test("run as user and group by name and number", async () => {
      const { stdout } = await vm.run(["id"], { user: "nobody:7", check: true });
      expect(stdout).toMatch(/uid=65534\S* gid=7/);
    });

    test("return their status or signal; neither is an error", async () => {
      expect(await vm.run(["sh", "-c", "exit 42"])).toMatchObject({ code: 42, signal: null });
      expect(await vm.run(["sh", "-c", "kill -SEGV $$"])).toMatchObject({ code: null, signal: "SIGSEGV" });
    });

    test("keep standard output and error apart", async () => {
      const result = await vm.run(["sh", "-c", "echo out; echo error >&2"]);
      expect(result).toMatchObject({ stdout: "out\n", stderr: "error\n" });
    });

    test("deliver 5 MB of any bytes intact and promptly", async () => {
      const hash = createHash("sha256");
      let bytes = 0;
      const script = "head -c 5000000 /dev/urandom | tee /tmp/blob; sha256sum </tmp/blob >&2";
      const started = performance.now();
      const { stderr } = await vm.run(["sh", "-c", script], {
        check: true,
        onStdout: (chunk) => {
          hash.update(chunk);
          bytes += chunk.length;
        },
      });
      expect(bytes).toBe(5_000_000);
      expect(stderr).toContain(hash.digest("hex"));
      expect(performance.now() - started).toBeLessThan(90_000);
    });

    test("stream while they run", async () => {
      const process = vm.spawn(["cat"], { stdin: true });
      for (const word of ["first", "second"]) {
        process.stdin.write(word);
        const [chunk] = await new Promise<[Buffer]>((resolve) =>
          process.stdout.once("data", (data) => resolve([data])),
        );
        expect(chunk.toString()).toBe(word);
      }
      process.stdin.end();
      expect(await process.exited).toEqual({ code: 0, signal: null });
    });

    test("run at the same time without mixing", async () => {
      const words = ["a", "b", "c", "d", "e"];
      const results = await Promise.all(
        words.map((word) => vm.run(["sh", "-c", `sleep 0.2; echo ${word}; exit 3`])),
      );
      expect(results.map(({ stdout, code }) => [stdout.trim(), code])).toEqual(
        words.map((word) => [word, 3]),
      );
    });

    test("read the end of file, or the given input", async () => {
      expect((await vm.run(["cat"])).stdout).toBe("");
      expect((await vm.run(["cat"], { input: "x".repeat(3_000_000) })).stdout).toHaveLength(3_000_000);
    });

    test("get the environment and directory that were asked for", async () => {
      const { stdout } = await vm.run(["sh", "-c", "echo $COLOUR; pwd"], {
        env: { COLOUR: "blue" },
        cwd: "/usr/bin",
      });
      expect(stdout).toBe("blue\n/usr/bin\n");
    });

    test("run the caller's node in the caller's directory by default", async () => {
      const { stdout } = await vm.run(["node", "-p", "process.version + process.cwd()"], {
        user: USER,
        check: true,
      });
      expect(stdout.trim()).toBe(process.version + process.cwd());
    });

    test("get the memory lock limit that was asked for, also above the default and for a user", async () => {
      const limit = async (memlock: number | "unlimited") =>
        (await vm.run(["sh", "-c", "ulimit -l; id -u"], { user: USER, memlock, check: true })).stdout.trim();
      expect(await limit(64 * 1024)).toBe("64\n65534");
      expect(await limit(1024 ** 3)).toBe("1048576\n65534");
      expect(await limit("unlimited")).toBe("unlimited\n65534");
    });

    test("end at once although a daemon holds their output open", async () => {
      const result = await vm.run(["sh", "-c", "sleep 60 & echo started"], { timeoutMs: 40_000 });
      expect(result).toMatchObject({ code: 0, stdout: "started\n" });
    });
  });

  describe("failures of commands", () => {
    test("a command that does not exist is named", async () => {
      const error = await vm.run(["no-such-program"], { user: USER }).catch((reason: unknown) => reason);
      expect(error).toMatchObject({
        code: "ERR_TESTBED_SPAWN",
        message: expect.stringMatching(/"no-such-program".*65534.*ENOENT/),
      });
    });

    test("a limit of time kills it with everything it started, and tells what it had printed", async () => {
      const script = "sleep 4242 & echo before; sleep 4242";
      const error = await vm
        .run(["sh", "-c", script], { timeoutMs: 5000 })
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(TestbedError);
      expect(error).toMatchObject({
        code: "ERR_TESTBED_TIMEOUT",
        log: expect.stringMatching(/\[output\]\nbefore\n[\s\S]*\[guest kernel log\]\n\[/),
      });
      expect(await sh("ps -eo args | grep -c '^sleep 424[2]' || true")).toBe("0");
    });

    test("an abort kills it and gives the reason", async () => {
      const reason = new Error("enough");
      await expect(vm.run(["sleep", "100"], { signal: AbortSignal.timeout(300) })).rejects.toMatchObject({
        name: "TimeoutError",
      });
      await expect(vm.run(["true"], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    });

    test("check turns a status into an error with output, console and kernel log", async () => {
      const error = await vm
        .run(["sh", "-c", "echo why; exit 9"], { check: true })
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({
        code: "ERR_TESTBED_COMMAND",
        message: expect.stringMatching(
          /exit status 9[\s\S]*\[output\]\nwhy[\s\S]*\[guest console\][\s\S]*\[guest kernel log\]\n\[/,
        ),
      });
    });

    test("nonsense is refused on this side", () => {
      expect(() => vm.spawn([])).toThrow(expect.objectContaining({ code: "ERR_TESTBED_ARGUMENT" }));
      expect(() => vm.spawn(["x"], { memlock: -1 })).toThrow(/memlock is -1/);
    });
  });

  describe("files", () => {
    test("the host's tree is visible, and what the guest writes is thrown away", async () => {
      const folder = await mkdtemp(join(tmpdir(), "userpci-overlay-"));
      try {
        await writeFile(join(folder, "seen"), "from the host");
        expect(
          await sh(
            `cat ${folder}/seen; echo changed >${folder}/seen; echo new >${folder}/made; cat ${folder}/seen`,
          ),
        ).toBe("from the hostchanged");
        expect(await readFile(join(folder, "seen"), "utf8")).toBe("from the host");
        expect(existsSync(join(folder, "made"))).toBe(false);
      } finally {
        await rm(folder, { recursive: true });
      }
    });

    test("the exchange directory carries files both ways, for any user", async () => {
      await writeFile(join(vm.exchange.host, "in"), "question");
      await sh(`cat ${vm.exchange.guest}/in >${vm.exchange.guest}/out`, USER);
      expect(await readFile(join(vm.exchange.host, "out"), "utf8")).toBe("question");
    });
  });

  describe("devices", () => {
    const ids = async (address: string) =>
      sh(`cat /sys/bus/pci/devices/${address}/vendor /sys/bus/pci/devices/${address}/device`);

    test("sit where the README says, each in an IOMMU group of its own", async () => {
      const expected = {
        "0000:00:04.0": "0x1234\n0x11e8",
        "0000:00:05.0": "0x1b36\n0x0005",
        "0000:01:00.0": "0x1b36\n0x0010",
        "0000:02:00.0": "0x8086\n0x10c9",
        "0000:03:00.0": "0x8086\n0x10d3",
      };
      for (const [address, id] of Object.entries(expected)) {
        expect(await ids(address), address).toBe(id);
        expect(await sh(`ls /sys/bus/pci/devices/${address}/iommu_group/devices`), address).toBe(address);
      }
    });

    test("behind root ports can be reset through the bus", async () => {
      expect(await sh("cat /sys/bus/pci/devices/0000:03:00.0/reset_method")).toContain("bus");
      await sh(
        "echo bus >/sys/bus/pci/devices/0000:03:00.0/reset_method; echo 1 >/sys/bus/pci/devices/0000:03:00.0/reset",
      );
    });

    test("edu can be bound to vfio-pci, which makes its group's node", async () => {
      const device = "/sys/bus/pci/devices/0000:00:04.0";
      const script = `echo vfio-pci >${device}/driver_override; echo 0000:00:04.0 >/sys/bus/pci/drivers_probe
      basename $(readlink ${device}/driver); test -c /dev/vfio/$(basename $(readlink ${device}/iommu_group)) && echo node
      echo 0000:00:04.0 >${device}/driver/unbind; echo >${device}/driver_override`;
      expect(await sh(script)).toBe("vfio-pci\nnode");
    });

    test("drivers of other devices load on demand", async () => {
      expect(
        await sh(
          "modprobe nvme; modprobe igb; modprobe e1000e; for i in $(seq 60); do [ -b /dev/nvme0n1 ] && break; sleep 1; done; ls /dev/nvme0n1; ls /sys/bus/pci/drivers/igb | grep 02:00",
        ),
      ).toBe("/dev/nvme0n1\n0000:02:00.0");
    });

    test("huge pages are there", async () => {
      expect(await sh("cat /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")).toBe(String(HUGEPAGES));
    });

    test("a DMA that the IOMMU stops is recorded with its address", async () => {
      // edu: 0x80 source, 0x88 destination, 0x90 count, 0x98 command; the device's own buffer begins at 0x40000 (docs/specs/edu.rst of QEMU).
      const poke = (offset: number, value: number) => `busybox devmem $((bar+${offset})) 32 ${value};`;
      await sh(`setpci -s 00:04.0 COMMAND=6; bar=$(sed -n '1s/ .*//p' /sys/bus/pci/devices/0000:00:04.0/resource)
      ${poke(0x80, 0x500000)} ${poke(0x88, 0x40000)} ${poke(0x90, 8)} ${poke(0x98, 1)}`);
      const faultCount = async () => (await vm.dmaFaults()).length;
      await expect.poll(faultCount).toBeGreaterThanOrEqual(2);
      const faults = await vm.dmaFaults();
      expect(faults[0]).toEqual({ requester: "00:04.0", reason: 6, address: 0x500000n, write: false });
      expect(await vm.kernelLog()).toMatch(
        /DMAR: \[DMA Read NO_PASID\] Request device \[(0000:)?00:04.0\] fault addr 0x500000/,
      );
      await expect.poll(() => vm.console()).toMatch(/fault addr 0x500000/);
    });
  });

  describe("QMP", () => {
    test("answers and refuses", async () => {
      expect(await vm.qmp("query-status")).toMatchObject({ running: true });
      await expect(vm.qmp("device_del", { id: "nobody" })).rejects.toMatchObject({
        code: "ERR_TESTBED_QMP",
        message: /nobody/,
      });
    });
  });

  test("a guest that powers off under a command is an error, not a wait", async () => {
    const call = vm.run(["sh", "-c", "echo o >/proc/sysrq-trigger; sleep 100"]);
    await expect(call).rejects.toMatchObject({ code: "ERR_TESTBED_EXITED" });
  });
}
