import { TestbedError } from "./error.ts";

/** How a named device is put into the machine. */
export interface DeviceKind {
  /** What it is for. */
  readonly about: string;
  /** Fixed slot on the root bus. A second one of the kind takes the next free slot. */
  readonly slot?: number;
  /** Sits behind a root port of its own, so that it has an IOMMU group of its own, hot reset and hot plug. */
  readonly port?: true;
  /** A backend it needs: `drive` becomes `-drive`, `netdev` becomes `-netdev`; `%` stands for the id. */
  readonly backend?: { readonly option: "drive" | "netdev"; readonly value: string };
  /** A process serves it over the socket in its property `socket`: it needs the newest QEMU, and memory that the process may map. */
  readonly served?: true;
  /** Properties it gets unless the caller gives others. */
  readonly defaults?: Readonly<Record<string, string>>;
}

/** Network boot code would only cost time. */
const NO_BOOT_ROM = { romfile: "" };

/**
 * Devices known by name. Anything else that QEMU knows can be given as a raw `-device` string. Facts about them: the table in the README.
 */
export const DEVICES: Readonly<Record<string, DeviceKind>> = {
  edu: {
    about: "QEMU's teaching device 1234:11e8 (MSI, INTx, DMA; 28-bit DMA mask unless dma_mask=)",
    slot: 4,
  },
  "pci-testdev": { about: "QEMU's register test device 1b36:0005", slot: 5 },
  nvme: {
    about: "NVMe controller with a null disk of 1 GiB behind a root port",
    port: true,
    backend: { option: "drive", value: "if=none,id=%,driver=null-co,size=1G,read-zeroes=on" },
    defaults: { serial: "userpci" },
  },
  igb: {
    about: "Intel 82576 with SR-IOV behind a root port, on a user network",
    port: true,
    backend: { option: "netdev", value: "user,id=%" },
    defaults: NO_BOOT_ROM,
  },
  e1000e: {
    about: "Intel 82574 behind a root port, on a user network",
    port: true,
    backend: { option: "netdev", value: "user,id=%" },
    defaults: NO_BOOT_ROM,
  },
  "vfio-user-pci": {
    about: "what a process serves at socket=PATH, behind a root port (fetches QEMU 11)",
    port: true,
    served: true,
  },
};

/** First slot of the root bus for what has no fixed one. Slots 0x18 and up belong to the test bed and the chipset. */
const FIRST_FREE_SLOT = 6;
const LAST_FREE_SLOT = 0x17;
/** A port at QEMU's default speed cannot reset its bus; at 5 GT/s it can. */
const PORT_DEFAULTS = { "x-speed": "5" };
/** A property with this prefix goes to the root port instead of the device. */
const PORT_PREFIX = "port.";

interface Parsed {
  readonly driver: string;
  readonly properties: Map<string, string>;
}

/**
 * QEMU arguments for a list of devices. Each is a name of {@link DEVICES} with more properties after commas (`edu,dma_mask=0xffffffff`,
 * `nvme,max_ioqpairs=4,port.x-speed=16`, `igb,port=none,addr=8`), or any other `-device` string, which is passed on as it is.
 * @throws TestbedError ERR_TESTBED_ARGUMENT on a malformed string or when the root bus is full.
 */
export function deviceArguments(devices: readonly string[]): string[] {
  const parsedDevices = devices.map(parseDevice);
  const used = new Set(parsedDevices.flatMap(({ properties }) => slotNamed(properties)));
  const args: string[] = [];
  parsedDevices.forEach((parsed, index) => {
    const kind = kindOf(parsed);
    args.push(...(kind ? namedDevice(kind, parsed, index, used) : ["-device", devices[index]!]));
  });
  return args;
}

/** Whether a process serves one of these devices; it has to be there before the machine boots. */
export function areServed(devices: readonly string[]): boolean {
  return devices.some((text) => kindOf(parseDevice(text))?.served === true);
}

function kindOf({ driver }: Parsed): DeviceKind | undefined {
  return Object.hasOwn(DEVICES, driver) ? DEVICES[driver] : undefined;
}

function parseDevice(text: string): Parsed {
  const [driver = "", ...rest] = text.trim().startsWith("{") ? [text] : text.split(",");
  const properties = new Map<string, string>();
  for (const item of rest) {
    const equals = item.indexOf("=");
    if (equals <= 0) throw badDevice(text, `${JSON.stringify(item)} is not a property=value pair`);
    properties.set(item.slice(0, equals), item.slice(equals + 1));
  }
  if (!driver) throw badDevice(text, "the driver's name is missing");
  return { driver, properties };
}

/** The slot of the root bus that the caller asks for, if any. */
function slotNamed(properties: ReadonlyMap<string, string>): number[] {
  const slot = Number.parseInt(properties.get("addr") ?? "", 16);
  return Number.isNaN(slot) || properties.has("bus") ? [] : [slot];
}

function namedDevice(
  kind: DeviceKind,
  { driver, properties }: Parsed,
  index: number,
  used: Set<number>,
): string[] {
  const args: string[] = [];
  const port = new Map(Object.entries(PORT_DEFAULTS));
  const own = new Map(Object.entries(kind.defaults ?? {}));
  for (const [key, value] of properties) {
    if (key.startsWith(PORT_PREFIX)) port.set(key.slice(PORT_PREFIX.length), value);
    else if (key !== "port") own.set(key, value);
  }
  const { backend } = kind;
  if (backend && !own.has(backend.option)) {
    const id = `${backend.option}${index}`;
    args.push(`-${backend.option}`, backend.value.replaceAll("%", id));
    own.set(backend.option, id);
  }
  if (kind.port && properties.get("port") !== "none" && !own.has("bus")) {
    const id = `port${index}`;
    const address = { chassis: String(index + 1), addr: hex(takeSlot(used, FIRST_FREE_SLOT)) };
    args.push("-device", join("pcie-root-port", { id, ...address, ...Object.fromEntries(port) }));
    own.set("bus", id);
  } else if (!own.has("addr") && !own.has("bus")) {
    own.set("addr", hex(takeSlot(used, kind.slot ?? FIRST_FREE_SLOT)));
  }
  const named = Object.fromEntries(own);
  return [...args, "-device", kind.served ? servedDevice(driver, named) : join(driver, named)];
}

/** As JSON, the only form in which QEMU takes a property that has parts of its own. */
function servedDevice(driver: string, { socket, ...others }: Readonly<Record<string, string>>): string {
  if (!socket) throw badDevice(driver, "the path of the server's socket is missing: socket=PATH");
  const typed = Object.entries(others).map(([key, value]) => [key, typedValue(key, value)]);
  return JSON.stringify({ driver, socket: { type: "unix", path: socket }, ...Object.fromEntries(typed) });
}

/** In JSON a switch is a boolean and a number a number. A slot stays text: as a number it would count functions. */
function typedValue(key: string, value: string): string | number | boolean {
  if (value === "on" || value === "off") return value === "on";
  return key !== "addr" && /^\d+$/.test(value) ? Number(value) : value;
}

function takeSlot(used: Set<number>, wanted: number): number {
  for (const slot of [wanted, ...range(FIRST_FREE_SLOT, LAST_FREE_SLOT)]) {
    if (used.has(slot)) continue;
    used.add(slot);
    return slot;
  }
  throw new TestbedError(
    "ERR_TESTBED_ARGUMENT",
    `no free slot on the root bus for more than ${used.size} devices`,
    {
      hint: "put the others behind a bridge of your own with raw -device strings",
    },
  );
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function join(driver: string, properties: Readonly<Record<string, string>>): string {
  return [driver, ...Object.entries(properties).map(([key, value]) => `${key}=${value}`)].join(",");
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function badDevice(text: string, why: string): TestbedError {
  return new TestbedError("ERR_TESTBED_ARGUMENT", `device ${JSON.stringify(text)}: ${why}`, {
    hint: `known names: ${Object.keys(DEVICES).join(", ")}; or any string that qemu-system-x86_64 -device takes`,
  });
}
