/**
 * What is fuzzed: everything of pci-config that takes what a stranger may have written. Bundled and instrumented as a whole.
 *
 * @packageDocumentation
 */
import { isPciError, type Region } from "@userpci/interface";
import {
  bytesRegion,
  type ConfigSpace,
  check,
  configOf,
  decodeBars,
  describe,
  diff,
  formatConfig,
  fromBytes,
  fromJSON,
  msixLayout,
  toBytes,
  toJSON,
  vectorCounts,
} from "@userpci/pci-config";
import { barShapes, buildSpace, type SpaceDescription } from "@userpci/pci-config/builder";
import {
  deviceText,
  idFilter,
  type LspciDevice,
  type LspciOptions,
  listText,
  PciIds,
  parseDump,
  slotFilter,
  treeText,
} from "@userpci/pci-config/lspci";
import { applyOperation, parseOperation } from "@userpci/pci-config/setpci";
import {
  linux,
  type Provider,
  VirtualConfigSpace,
  type VirtualDevice,
  vfio2010,
} from "@userpci/pci-config/virtual";

/** Something that no input may make happen. */
class Violation extends Error {
  override name = "Violation";
}

/** More accesses than one operation needs of any space: 48 + 960 capabilities, each asked for all that it may have. */
const MOST_ACCESSES = 300_000;

/** A region whose reads outside it, and more of them than `most`, are violations; writes stay in a copy. */
function strict(bytes: Uint8Array, most = MOST_ACCESSES): Region {
  const inner = bytesRegion(Uint8Array.from(bytes));
  let accesses = 0;
  const at = (offset: number, width: number): number => {
    if (++accesses > most) throw new Violation(`more than ${most} accesses`);
    if (offset < 0 || offset % width !== 0 || offset + width > inner.size) {
      throw new Violation(`${width} bytes at ${offset} of ${inner.size}`);
    }
    return offset;
  };
  return {
    size: inner.size,
    read8: (offset) => inner.read8(at(offset, 1)),
    read16: (offset) => inner.read16(at(offset, 2)),
    read32: (offset) => inner.read32(at(offset, 4)),
    read64: (offset) => inner.read64(at(offset, 8)),
    write8: (offset, value) => inner.write8(at(offset, 1), value),
    write16: (offset, value) => inner.write16(at(offset, 2), value),
    write32: (offset, value) => inner.write32(at(offset, 4), value),
    write64: (offset, value) => inner.write64(at(offset, 8), value),
  };
}

/** Lets only errors of the project pass. @returns what it gave, undefined after such an error */
function allowed<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (!isPciError(error)) throw error;
    return undefined;
  }
}

const space = (bytes: Uint8Array): ConfigSpace => configOf(strict(bytes));

/** A space of the input, padded to the length of a header, and to whole dwords. */
function whole(bytes: Uint8Array, most?: number): ConfigSpace {
  const filled = new Uint8Array(Math.max(64, (bytes.length + 3) & ~3));
  filled.set(bytes);
  return configOf(strict(filled, most));
}

/** The same, of which each dword can be read about once. */
const once = (bytes: Uint8Array): ConfigSpace => whole(bytes, Math.max(64, bytes.length) / 4 + FEW);

/** Accesses besides: what the header says of the rest. */
const FEW = 64;

const textOf = (bytes: Uint8Array): string => new TextDecoder("utf-8").decode(bytes);
const address = { domain: 0, bus: 0, device: 0, function: 0 };

const options: LspciOptions = {
  verbosity: 3,
  idStyle: "both",
  ids: PciIds.parse("8086  Intel\n\t100e  82540EM\n\t\t1af4 1100  QEMU\n"),
  machine: 0,
  hexLevel: 0,
  showDomains: false,
  showKernel: false,
  busCentric: false,
  pathLevel: 0,
};

/** Devices whose spaces lie behind each other in the input, at addresses that it chooses. */
function devicesOf(bytes: Uint8Array): LspciDevice[] {
  const devices: LspciDevice[] = [];
  for (let at = 0; at < bytes.length && devices.length < 16; at += 64) {
    const part = bytes.subarray(at, at + 64);
    const place = part[0x3f] ?? 0;
    devices.push({
      address: { ...address, bus: place >> 6, device: (place >> 3) & 7, function: place & 7 },
      bytes: part,
    });
  }
  return devices;
}

/** What a device gives and has besides its config space, as the last bytes of the input say. */
function deviceOf(region: Region, bytes: Uint8Array): VirtualDevice {
  const [kind = 0, vectors = 0, rom = 0] = bytes.slice(-3).reverse();
  const provider: Partial<Provider> = {
    readVpd: (address) => ((kind & 1) === 0 ? (address * 0x0101_0101) >>> 0 : undefined),
    writeVpd: () => (kind & 2) === 0,
    msiVectors: () => vectors,
  };
  return {
    region,
    bars: barShapes(configOf(region), [0x1000, 0x100, 0x4000]),
    romSize: rom * 0x800,
    intx: (["maskable", "unmaskable", "none"] as const)[((kind >> 2) & 3) % 3]!,
    ...((kind & 0x20) !== 0 && { virtualFunction: { vendorId: 0x8086, deviceId: 0x10ca } }),
    ...((kind & 0x40) !== 0 && { provider }),
  };
}

/** The virtual space of a profile over the input, every dword written and read with values of the input. Once it is there, it refuses nothing. */
function exercise(profile: typeof linux, bytes: Uint8Array): void {
  const region = strict(bytes);
  const virtual = allowed(() => new VirtualConfigSpace(profile, deviceOf(region, bytes)));
  if (!virtual) return;
  for (let offset = 0; offset + 4 <= virtual.size; offset += 4) {
    const byte = bytes[(offset * 7) % bytes.length]!;
    const value = byte * 0x01010101;
    virtual.write8(offset + (byte & 3), byte);
    virtual.write16(offset + (byte & 2), value & 0xffff);
    virtual.write32(offset, ~value >>> 0);
    virtual.read8(offset);
    virtual.read32(offset);
    if ((offset & 0x1f) === 0) virtual.explain(offset, 0xff);
  }
  virtual.close();
}

/** JSON of a space with one of its values replaced by another of the input. */
function bentJson(bytes: Uint8Array): unknown {
  const json = JSON.parse(JSON.stringify(toJSON(space(bytes.subarray(4))))) as Record<string, unknown>;
  const names = Object.keys(json);
  const values = [null, -1, 2 ** 53, "", "zz", [], {}, true, [null], { length: 1e9 }, "00".repeat(5000)];
  const name = names[bytes[0]! % names.length]!;
  json[name] = values[bytes[1]! % values.length];
  return json;
}

type Operation = (input: Uint8Array) => void;

/** What may refuse its input with an error of the project. */
const refusing: Readonly<Record<string, Operation>> = {
  interrupts: (input) => {
    const config = space(input);
    allowed(() => decodeBars(config));
    allowed(() => vectorCounts(config));
    const msix = allowed(() => config.find("msix"));
    if (msix) allowed(() => msixLayout(msix));
  },
  "bent json": (input) => {
    if (input.length > 2) fromJSON(bentJson(input));
  },
  "parsed json": (input) => {
    let json: unknown;
    try {
      json = JSON.parse(textOf(input));
    } catch {
      return;
    }
    allowed(() => fromJSON(json));
    allowed(() => buildSpace(json as SpaceDescription));
  },
  bytes: (input) => void toBytes(fromBytes(input)),
  filters: (input) => {
    const device = { address, bytes: new Uint8Array(64) };
    const text = textOf(input.subarray(0, 32));
    allowed(() => slotFilter(text)(device, false));
    allowed(() => idFilter(text)(device, false));
  },
  setpci: (input) => {
    const length = input[0] ?? 0;
    const operation = parseOperation(textOf(input.subarray(1, 1 + (length & 0x3f))));
    applyOperation(fromBytes(new Uint8Array(256)), operation);
  },
};

/** What takes anything. */
const accepting: Readonly<Record<string, Operation>> = {
  describe: (input) => void describe(once(input)),
  format: (input) => void formatConfig(describe(once(input))),
  check: (input) => void check(once(input)),
  map: (input) => {
    const map = whole(input).map();
    for (let offset = 0; offset < map.size; offset++) map.ownerOf(offset);
  },
  json: (input) => {
    const config = whole(input);
    const back = fromJSON(JSON.parse(JSON.stringify(toJSON(config))));
    if (back.region.size !== config.region.size) throw new Violation("JSON changed the size");
  },
  diff: (input) => {
    const half = input.length >> 1;
    diff(once(input.subarray(0, half)), once(input.subarray(half, 2 * half)));
  },
  dump: (input) => {
    for (const { bytes } of parseDump(textOf(input))) {
      if (bytes.length > 4096) throw new Violation(`${bytes.length} bytes of a dump`);
    }
  },
  lspci: (input) => void deviceText({ address, bytes: input }, options),
  "lspci list": (input) => {
    const devices = devicesOf(input);
    treeText(devices, options);
    listText(devices, { ...options, verbosity: 0, pathLevel: 2 });
  },
  "lspci vpd": (input) => {
    const bytes = new Uint8Array(256);
    bytes.set([0x10], 0x06);
    bytes.set([0x40], 0x34);
    bytes.set([0x03], 0x40);
    deviceText({ address, bytes, system: { vpd: input } }, options);
  },
  "virtual linux": (input) => exercise(linux, input),
  "virtual vfio2010": (input) => exercise(vfio2010, input),
  ids: (input) => {
    const ids = PciIds.parse(textOf(input));
    ids.vendor(0x8086);
    ids.device(0x8086, 0x100e);
    ids.subsystem(0x8086, 0x100e, 0x1af4, 0x1100);
  },
};

const refusal = ([name, operation]: [string, Operation]): [string, Operation] => [
  name,
  (input) => void allowed(() => operation(input)),
];

/** What is fuzzed, by name. Each takes any bytes, and throws nothing. */
export const operations: Readonly<Record<string, Operation>> = {
  ...Object.fromEntries(Object.entries(refusing).map(refusal)),
  ...accepting,
};
