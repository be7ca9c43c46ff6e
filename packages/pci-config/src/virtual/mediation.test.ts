import { describe, expect, it } from "vitest";
import { bytesRegion } from "../bytes.ts";
import { configOf } from "../config.ts";
import { list, space } from "../testing/regions.ts";
import type { Provider, VirtualDevice } from "./device.ts";
import { canMaskIntx } from "./device.ts";
import { linux } from "./linux.ts";
import { VirtualConfigSpace } from "./space.ts";
import { vfio2010 } from "./vfio2010.ts";

/** What a provider was asked for, in order. */
function recorder(answers: Partial<Provider> = {}) {
  const asked: [string, ...unknown[]][] = [];
  const provider: Provider = {
    setInterruptDisable: (disabled) => void asked.push(["intx", disabled]),
    setPowerState: (state) => void asked.push(["power", state]),
    reset: () => void asked.push(["reset"]),
    setMaximumReadRequest: (bytes) => void asked.push(["read request", bytes]),
    readVpd(address) {
      asked.push(["read vpd", address]);
      return 0x1234_5678;
    },
    writeVpd(address, value) {
      asked.push(["write vpd", address, value]);
      return true;
    },
    msiVectors: () => 0,
    ...answers,
  };
  return { asked, provider };
}

const INTX = [0x3d, 0x01] as const;
const PM = [0x40, 0x01, 0x50, 0x03, 0xfe, 0x08, 0x81] as const;
const VPD = [0x50, 0x03, 0x60] as const;
const MSI = [0x60, 0x05, 0x80, 0x84, 0x00] as const;
const PCIE = [0x80, 0x10, 0xc0, 0x02, 0x00, 0x00, 0x00, 0x00, 0x10, 0x20, 0x20] as const;
const AF = [0xc0, 0x13, 0x00, 0x06, 0x03] as const;

function make(more: Partial<VirtualDevice> = {}, profile = linux) {
  const bytes = space(256, ...list(0x40), INTX, PM, VPD, MSI, PCIE, AF);
  const region = bytesRegion(bytes);
  return { bytes, region, user: new VirtualConfigSpace(profile, { region, ...more }) };
}

describe("profile linux", () => {
  it("keeps Interrupt Disable for the user and has the provider mask the line", () => {
    const { asked, provider } = recorder();
    const { user, region } = make({ provider });
    user.write16(0x04, 0x0406);
    expect(user.read16(0x04)).toBe(0x0406);
    expect(region.read16(0x04)).toBe(0x0006);
    user.write8(0x05, 0x00);
    user.write8(0x05, 0x00);
    expect(asked).toEqual([
      ["intx", true],
      ["intx", false],
    ]);
  });

  it("masks the line in the device by itself where that can be", () => {
    const { user, region } = make();
    user.write16(0x04, 0x0402);
    expect(region.read16(0x04)).toBe(0x0402);
    user.write16(0x04, 0x0002);
    expect(region.read16(0x04)).toBe(0x0002);
    const other = make({ intx: "none" });
    other.user.write16(0x04, 0x0402);
    expect(other.region.read16(0x04)).toBe(0x0002);
    expect(other.user.read8(0x3d)).toBe(0);
  });

  it("asks a provider that is an object of a class, too", () => {
    class Host {
      readonly #states: number[] = [];
      setPowerState(state: number): void {
        this.#states.push(state);
      }
      get states(): readonly number[] {
        return this.#states;
      }
    }
    const host = new Host();
    make({ provider: host }).user.write16(0x44, 3);
    expect(host.states).toEqual([3]);
  });

  it("restores BARs that a reset cleared, before decoding is switched on", () => {
    const bytes = space(256, [0x10, 0x00, 0x00, 0x10, 0xfe]);
    const region = bytesRegion(bytes);
    const user = new VirtualConfigSpace(linux, { region, bars: [{ kind: "memory32", size: 0x1000 }] });
    region.write32(0x10, 0);
    user.write16(0x04, 0x0002);
    expect(region.read32(0x10)).toBe(0xfe10_0000);
  });

  it("has the provider change the power state, and hides power events", () => {
    const { asked, provider } = recorder();
    const { user, region } = make({ provider });
    expect(user.read16(0x42)).toBe(0x0603);
    expect(user.read16(0x44)).toBe(0x0008);
    user.write16(0x44, 0x8103);
    expect(asked).toEqual([["power", 3]]);
    expect(region.read16(0x44)).toBe(0x8100);
  });

  it("changes the power state in the device by itself, but only to a state that it has", () => {
    const { user, region } = make();
    user.write16(0x44, 3);
    expect(user.read16(0x44) & 3).toBe(3);
    user.write16(0x44, 1);
    expect(region.read16(0x44) & 3).toBe(3);
    user.write16(0x44, 0);
    user.write16(0x44, 1);
    expect(region.read16(0x44) & 3).toBe(1);
  });

  it("does VPD transfers by the provider, and flips the flag when one is done", () => {
    const { asked, provider } = recorder();
    const { user, bytes } = make({ provider });
    user.write16(0x52, 0x0010);
    expect([user.read16(0x52), user.read32(0x54)]).toEqual([0x8010, 0x1234_5678]);
    user.write32(0x54, 0xcafe);
    user.write16(0x52, 0x8020);
    expect(user.read16(0x52)).toBe(0x0020);
    expect(asked).toEqual([
      ["read vpd", 0x10],
      ["write vpd", 0x20, 0xcafe],
    ]);
    expect(bytes.subarray(0x52, 0x58)).toEqual(new Uint8Array(6));
  });

  it("leaves a VPD transfer unfinished that cannot be done", () => {
    const { user } = make();
    user.write16(0x52, 0x0010);
    expect(user.read16(0x52)).toBe(0x0010);
    user.write16(0x52, 0x8010);
    expect(user.read16(0x52)).toBe(0x8010);
  });

  it("refuses MSI's enable while MSI is not in use, and cuts the number of vectors to those in use", () => {
    const { user, region } = make();
    user.write16(0x62, 0x00f5);
    expect(region.read16(0x62) & 0x0071).toBe(0x0000);
    const used = make({ provider: { msiVectors: () => 4 } });
    used.user.write16(0x62, 0x00f5);
    expect(used.region.read16(0x62) & 0x0071).toBe(0x0021);
  });

  it("sets the read request limit, but not below the device's payload limit", () => {
    const { asked, provider } = recorder();
    const { user, region } = make({ provider });
    user.write16(0x88, 0x0000);
    user.write16(0x88, 0x5000);
    expect(asked).toEqual([
      ["read request", 256],
      ["read request", 4096],
    ]);
    expect(user.read16(0x88)).toBe(0x5000);
    expect(region.read16(0x88) & 0x70e0).toBe(0x2020);
    const own = make();
    own.user.write16(0x88, 0x5020);
    expect(own.region.read16(0x88)).toBe(0x5020);
    own.user.write16(0x88, 0x7020);
    expect(own.region.read16(0x88)).toBe(0x5020);
  });

  it("has the provider reset the function for either reset bit, which then reads 0", () => {
    const { asked, provider } = recorder();
    const { user, region } = make({ provider });
    user.write16(0x88, 0x8000 | user.read16(0x88));
    user.write8(0xc4, 1);
    expect(asked).toEqual([["reset"], ["reset"]]);
    expect([
      user.read16(0x88) & 0x8000,
      user.read8(0xc4),
      region.read16(0x88) & 0x8000,
      region.read8(0xc4),
    ]).toEqual([0, 0, 0, 0]);
  });

  it("relinks the list past capabilities that it hides", () => {
    const bytes = space(
      256,
      ...list(0x40),
      [0x40, 0x04, 0x48],
      [0x48, 0x01, 0x50],
      [0x50, 0x0c, 0x58],
      [0x58, 0x11, 0x00],
    );
    const user = new VirtualConfigSpace(linux, { region: bytesRegion(bytes) });
    expect(
      configOf(user)
        .capabilities()
        .map(({ name }) => name),
    ).toEqual(["pm", "msix"]);
    expect(configOf(user).problems).toEqual([]);
  });

  it("has no list where it hides all of it", () => {
    const user = new VirtualConfigSpace(linux, {
      region: bytesRegion(space(256, ...list(0x40), [0x40, 0x04])),
    });
    expect([user.read16(0x06), user.read8(0x34)]).toEqual([0, 0]);
  });

  it("anchors the extended list where it hides the first, and shows none without PCI Express", () => {
    const bytes = space(
      4096,
      ...list(0x40),
      [0x40, 0x10, 0x00, 0x02],
      [0x100, 0x2e, 0x00, 0x01, 0x12],
      [0x120, 0x1b, 0x00, 0x01, 0x13],
      [0x130, 0x03, 0x00, 0x01, 0x00],
    );
    const user = new VirtualConfigSpace(linux, { region: bytesRegion(bytes.slice()) });
    expect([user.read32(0x100), user.read32(0x130)]).toEqual([0x1300_0000, 0x0001_0003]);
    bytes[0x40] = 0x01;
    const none = new VirtualConfigSpace(linux, { region: bytesRegion(bytes) });
    expect(none.structures.map(({ name }) => name)).toEqual(["header", "pm"]);
    expect(none.explain(0x130, 1)[0]).toMatchObject({ owner: undefined, reachesDevice: true });
  });
});

describe("profile vfio2010", () => {
  it("lets everything of command through but the decode enables", () => {
    const { user, region } = make({}, vfio2010);
    user.write16(0x04, 0x0407);
    expect(region.read16(0x04)).toBe(0x0404);
  });

  it("answers 0 where nobody owns a byte, and drops what is written there", () => {
    const { user, bytes } = make({}, vfio2010);
    bytes[0xf0] = 0xaa;
    expect(user.read8(0xf0)).toBe(0);
    user.write8(0xf0, 0x55);
    expect(bytes[0xf0]).toBe(0xaa);
  });

  it("resets by passing the bit to the device", () => {
    const { user, region } = make({}, vfio2010);
    user.write8(0xc4, 0xff);
    expect(region.read8(0xc4)).toBe(1);
  });
});

describe("explain", () => {
  it("tells bits of one register apart by what holds for them", () => {
    const { user } = make();
    const [memory, intx] = [...user.explain(0x04, 0x0402)];
    expect(memory).toMatchObject({
      owner: "header",
      mask: 0x2,
      virtual: false,
      writable: true,
      reachesDevice: true,
    });
    expect(intx).toMatchObject({ mask: 0x400, virtual: true, writable: true, reachesDevice: false });
    expect(intx!.mediated).toMatch(/masks the line/);
  });

  it("says of each bit of a BAR or ROM that a write leaves alone why it does", () => {
    const wide = { kind: "memory64", size: 2 ** 33 } as const;
    const bars = [{ kind: "memory32", size: 0x1000 } as const, { kind: "io", size: 32 } as const, wide];
    const user = new VirtualConfigSpace(linux, { region: bytesRegion(space(256)), bars, romSize: 4096 });
    const fixed = (offset: number) =>
      user
        .explain(offset, 0xffff_ffff)
        .filter(({ writable }) => !writable)
        .map(({ mask, virtual, reason }) => [mask, virtual, reason.slice(reason.lastIndexOf(";") + 2)]);
    const type = "these bits tell what the BAR is";
    const size = "these bits are below the BAR's size";
    expect(fixed(0x10)).toEqual([
      [0xf, true, type],
      [0xff0, true, size],
    ]);
    expect(fixed(0x14)).toEqual([
      [0x3, true, type],
      [0x1c, true, size],
    ]);
    expect(fixed(0x18)).toEqual([
      [0xf, true, type],
      [0xffff_fff0, true, size],
    ]);
    expect(fixed(0x1c)).toEqual([[0x1, true, size]]);
    expect(fixed(0x20)).toEqual([[0xffff_ffff, true, "there is no such BAR"]]);
    expect(fixed(0x30)).toEqual([[0xffe, true, "these bits are below the ROM's size"]]);
    const without = new VirtualConfigSpace(linux, { region: bytesRegion(space(256)) });
    expect(without.explain(0x30, 1)[0]!.reason).toMatch(/; the function has no expansion ROM$/);
    user.write32(0x10, 0xffff_ffff);
    expect(user.explain(0x10, 0xfff).map(({ mask }) => mask)).toEqual([0xf, 0xff0]);
    expect(user.explain(0x10, 0x1000)[0]).toMatchObject({
      virtual: true,
      writable: true,
      reachesDevice: false,
    });
  });

  it("names the capability that owns a bit", () => {
    const { user } = make();
    expect(user.explain(0x88, 0x200)).toMatchObject([
      { owner: "pcie", ownerOffset: 0x80, writable: false, reason: expect.stringMatching(/phantom/) },
    ]);
  });
});

describe("canMaskIntx", () => {
  it("is true where Interrupt Disable keeps a value, and leaves it as it was", () => {
    const { region } = make();
    expect(canMaskIntx(configOf(region))).toBe(true);
    expect(region.read16(0x04)).toBe(0);
  });

  it("is false without a pin, and where the bit does not move", () => {
    expect(canMaskIntx(configOf(bytesRegion(space(64))))).toBe(false);
    const stuck = { ...wrap(bytesRegion(space(64, INTX))), write16() {} };
    expect(canMaskIntx(configOf(stuck))).toBe(false);
  });
});

function wrap(inner: ReturnType<typeof bytesRegion>): ReturnType<typeof bytesRegion> {
  return {
    size: inner.size,
    read8: (at) => inner.read8(at),
    read16: (at) => inner.read16(at),
    read32: (at) => inner.read32(at),
    read64: (at) => inner.read64(at),
    write8: (at, value) => inner.write8(at, value),
    write16: (at, value) => inner.write16(at, value),
    write32: (at, value) => inner.write32(at, value),
    write64: (at, value) => inner.write64(at, value),
  };
}
