import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listFunctions } from "../find.ts";
import { readDriverOverride } from "../function.ts";
import { listGroups } from "../group.ts";
import { writeMachine } from "../testing/machine.ts";
import { makeSnapshot, openSnapshot, readManifest, writeSnapshot } from "./index.ts";

const MAC = "52:54:00:12:34:56";
const UUID = "3f1b2c44-9a10-4c2e-8a54-2f9d5b0c7e11";

/** Configuration space with a serial number behind another extended capability. */
function nicConfig(): Uint8Array {
  const bytes = new Uint8Array(4096);
  const view = new DataView(bytes.buffer);
  view.setUint32(0x100, 0x1402_0001, true);
  view.setUint32(0x140, 0x0001_0003, true);
  view.setBigUint64(0x144, 0x5254_00ff_ff12_3456n, true);
  return bytes;
}

let base = "";
let root = "";
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), "userpci-snapshot-test-"));
  root = join(base, "machine");
  writeMachine(root, {
    functions: [
      { address: "0000:00:01.0", id: "8086:1901", classCode: 0x060400, driver: "pcieport", group: 1 },
      {
        address: "0000:01:00.0",
        id: "8086:10d3",
        classCode: 0x020000,
        driver: "e1000e",
        group: 2,
        parent: "0000:00:01.0",
        resetMethods: "flr bus",
        config: nicConfig(),
      },
    ],
    groups: [
      { number: 1, type: "DMA-FQ" },
      { number: 2, type: "identity", reserved: "0x00000000fee00000 0x00000000feefffff msi\n" },
    ],
    files: {
      "/proc/sys/kernel/osrelease": "6.12.9-test\n",
      "/proc/cmdline": `root=UUID=${UUID} intel_iommu=on ip=192.0.2.7::192.0.2.1\n`,
      "/proc/modules": "vfio_pci 16384 0 - Live 0xffffffffc0a00000\n",
      "/proc/self/limits": "Max locked memory         8388608              8388608              bytes\n",
      "/proc/net/route": "Iface\tDestination\tGateway\neth0\t00000000\t0102A8C0\n",
      "/boot/config-6.12.9-test": "CONFIG_VFIO=m\nCONFIG_SND=m\n# CONFIG_IOMMUFD is not set\n",
      "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/modalias": "pci:v00008086d000010D3sv00000000\n",
      "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/vpd": "SN1234567",
      "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/net/eth0/address": `${MAC}\n`,
      "/lib/modules/6.12.9-test/modules.alias":
        "alias pci:v00008086d000010D3sv*sd*bc*sc*i* e1000e\nalias pci:v00001234d*sv* other\n",
      "/sys/firmware/acpi/tables/DMAR": "DMAR table",
      "/sys/firmware/acpi/tables/DSDT": "large and of no interest",
      "/proc/41/cmdline": "secret --password",
    },
  });
});
afterAll(() => rmSync(base, { recursive: true }));

describe("a snapshot", () => {
  it.each(["a.tar", "a.tgz"])("in %s tells what the machine tells", async (name) => {
    const path = join(base, name);
    const { bytes, manifest, entries } = await writeSnapshot(path, { root });
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(entries).toBeGreaterThan(50);
    const copy = openSnapshot(path);
    expect(listFunctions(copy)).toEqual(listFunctions({ root }));
    expect(listGroups(copy)).toEqual(listGroups({ root }));
    expect(await readDriverOverride("0000:01:00.0", copy)).toBeNull();
    expect(readManifest(copy)).toEqual(manifest);
    expect(manifest).toMatchObject({ kernel: "6.12.9-test", redacted: false, unreadable: [], truncated: [] });
    copy.close();
    copy.close();
    expect(existsSync(copy.root)).toBe(false);
  });

  it("is the same for the same machine", async () => {
    const [one, other] = [await makeSnapshot({ root }), await makeSnapshot({ root })];
    expect(Buffer.from(one.bytes).equals(other.bytes)).toBe(true);
  });

  it("has of large files what concerns PCI, and of private ones nothing", async () => {
    const path = join(base, "kept.tar");
    await writeSnapshot(path, { root });
    const copy = openSnapshot(path);
    const text = (file: string) => readFileSync(join(copy.root, file), "utf8");
    const nic = "sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0";
    expect(text("boot/config-6.12.9-test")).toBe("CONFIG_VFIO=m\n# CONFIG_IOMMUFD is not set\n");
    expect(text("lib/modules/6.12.9-test/modules.alias")).toBe(
      "alias pci:v00008086d000010D3sv*sd*bc*sc*i* e1000e\n",
    );
    expect(text("proc/modules")).toContain("Live 0x0\n");
    expect(text("proc/self/limits")).toContain("8388608");
    expect(text("sys/firmware/acpi/tables/DMAR")).toBe("DMAR table");
    expect(text("sys/firmware/acpi/tables/DSDT")).toBe("");
    expect(text(`${nic}/vpd`)).toBe("");
    expect(existsSync(join(copy.root, "proc/41"))).toBe(false);
    copy.close();
  });

  it("without secrets has no address, UUID or serial number, and is the same otherwise", async () => {
    const path = join(base, "redacted.tar");
    await writeSnapshot(path, { root, redact: true });
    const bytes = readFileSync(path);
    const serial = Buffer.from(nicConfig().subarray(0x144, 0x14c));
    const plain = Buffer.from((await makeSnapshot({ root })).bytes);
    for (const secret of [UUID, "192.0.2.7", "0102A8C0", serial]) {
      expect(bytes.includes(secret), String(secret)).toBe(false);
      expect(plain.includes(secret), String(secret)).toBe(true);
    }
    const copy = openSnapshot(path);
    expect(listFunctions(copy)).toEqual(listFunctions({ root }));
    expect(readFileSync(join(copy.root, "proc/cmdline"), "utf8")).toContain("intel_iommu=on ip=REDACTED");
    expect(readManifest(copy)?.redacted).toBe(true);
    copy.close();
  });

  it("of a snapshot says what the first one said of the machine and of itself", async () => {
    const [first, second] = [join(base, "first.tar"), join(base, "second.tar")];
    writeFileSync(join(root, "proc/mdstat"), "x".repeat(65 * 1024));
    await writeSnapshot(first, { root, redact: true });
    rmSync(join(root, "proc/mdstat"));
    const copy = openSnapshot(first);
    const nodes = [{ path: "/dev/vfio/7", uid: 4242, gid: 0, mode: 0o600 }];
    const manifest = { ...readManifest(copy)!, uid: 4242, unreadable: ["/proc/mounts"], nodes };
    chmodSync(join(copy.root, "snapshot.json"), 0o600);
    writeFileSync(join(copy.root, "snapshot.json"), JSON.stringify(manifest));
    expect((await writeSnapshot(second, { root: copy.root })).manifest).toEqual(manifest);
    expect(manifest).toMatchObject({ redacted: true, truncated: ["/proc/mdstat"] });
    copy.close();
  });

  it("is made of a tree whose directories are none", async () => {
    const odd = join(base, "odd");
    writeMachine(odd, { functions: [{ address: "0000:00:01.0", id: "8086:1901", group: 1 }], groups: [] });
    rmSync(join(odd, "sys/kernel/iommu_groups"), { recursive: true, force: true });
    writeFileSync(join(odd, "sys/kernel/iommu_groups"), "");
    const archive = join(base, "odd.tgz");
    await writeSnapshot(archive, { root: odd });
    using snapshot = openSnapshot(archive);
    expect(listFunctions(snapshot)).toHaveLength(1);
  });

  it("is not written over a file", async () => {
    const path = join(base, "there.tar");
    writeFileSync(path, "mine");
    await expect(writeSnapshot(path, { root })).rejects.toMatchObject({
      code: "EEXIST",
      hint: expect.any(String),
    });
    expect(readFileSync(path, "utf8")).toBe("mine");
  });
});

describe("openSnapshot", () => {
  it("takes a directory as it is, and leaves it", () => {
    const copy = openSnapshot(root);
    expect(copy.root).toBe(root);
    copy.close();
    expect(existsSync(root)).toBe(true);
  });

  it("refuses what is no archive, a bomb, and what is not there", async () => {
    const refused = (bytes: Uint8Array) => {
      const path = join(base, "bad.tgz");
      writeFileSync(path, bytes);
      return () => openSnapshot(path);
    };
    const { bytes } = await makeSnapshot({ root, gzip: true });
    expect(gunzipSync(bytes).length).toBeGreaterThan(bytes.length);
    expect(refused(bytes.subarray(0, 200))).toThrow(/cannot be unpacked/);
    expect(refused(gzipSync(Buffer.alloc(257 << 20), { level: 1 }))).toThrow(/cannot be unpacked/);
    expect(refused(Buffer.from("text"))).toThrow(/has no end/);
    expect(() => openSnapshot("/dev/null")).toThrow(/neither a file nor a directory/);
    expect(() => openSnapshot(join(base, "nowhere"))).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });
});
