import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseUevent } from "./uevent.ts";
import { type UeventSource, watchUevents } from "./watch-uevents.ts";

/** A message as the kernel writes it. */
function message(head: string, ...entries: readonly string[]): Uint8Array {
  return Buffer.from([head, ...entries].map((text) => `${text}\0`).join(""));
}

const PATH = "/devices/pci0000:00/0000:00:1c.0/0000:01:00.0";
const bound = message(
  `bind@${PATH}`,
  "ACTION=bind",
  `DEVPATH=${PATH}`,
  "SUBSYSTEM=pci",
  "DRIVER=vfio-pci",
  "PCI_CLASS=20000",
  "MODALIAS=pci:v00008086d000010D3sv=1",
  "SEQNUM=4711",
);
const node = message(`add@${PATH}/vfio-dev/vfio0`, "SUBSYSTEM=vfio-dev", "SEQNUM=4712");
const disk = message("add@/devices/virtual/block/loop0", "SUBSYSTEM=block", "SEQNUM=4713");

describe("parseUevent", () => {
  it("takes a message of the kernel apart", () => {
    expect(parseUevent(bound)).toEqual({
      type: "uevent",
      action: "bind",
      subsystem: "pci",
      path: PATH,
      address: "0000:01:00.0",
      sequence: 4711,
      properties: {
        ACTION: "bind",
        DEVPATH: PATH,
        SUBSYSTEM: "pci",
        DRIVER: "vfio-pci",
        PCI_CLASS: "20000",
        MODALIAS: "pci:v00008086d000010D3sv=1",
        SEQNUM: "4711",
      },
    });
  });

  it("says which function a device below one belongs to, and that others belong to none", () => {
    expect(parseUevent(node)?.address).toBe("0000:01:00.0");
    expect(parseUevent(disk)?.address).toBeNull();
  });

  it.each([
    ["nothing", ""],
    ["a message of udev", "libudev\0\xfe\xed\xca\xfeadd@/x\0SUBSYSTEM=pci\0SEQNUM=1\0"],
    ["no action", "@/devices/x\0SUBSYSTEM=pci\0SEQNUM=1\0"],
    ["no subsystem", "add@/devices/x\0SEQNUM=1\0"],
    ["no number", "add@/devices/x\0SUBSYSTEM=pci\0SEQNUM=-1\0"],
  ])("takes %s for no event", (_what, text) => {
    expect(parseUevent(Buffer.from(text))).toBeUndefined();
  });

  it("gives back what was written, whatever the values are, and never throws for bytes", () => {
    const name = fc
      .stringMatching(/^[A-Z_]{1,12}$/)
      .filter((text) => !["SUBSYSTEM", "SEQNUM"].includes(text));
    const value = fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0"));
    fc.assert(
      fc.property(fc.dictionary(name, value), value, (properties, path) => {
        const lines = Object.entries(properties).map(([key, text]) => `${key}=${text}`);
        const event = parseUevent(message(`add@${path}`, ...lines, "SUBSYSTEM=pci", "SEQNUM=1"));
        expect(event?.path).toBe(path);
        expect(event?.properties).toEqual({ ...properties, SUBSYSTEM: "pci", SEQNUM: "1" });
      }),
    );
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void parseUevent(bytes)));
  });
});

/** A source of messages that were there before, which is closed then. */
function sourceOf(...messages: readonly (Uint8Array | "lost")[]): UeventSource {
  const left = [...messages];
  return { next: async (signal) => (signal?.aborted ? undefined : left.shift()) };
}

async function all<T>(events: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const event of events) found.push(event);
  return found;
}

describe("watchUevents", () => {
  it("gives the events of the subsystems and the function that are asked for, and says where some are lost", async () => {
    const numbers = async (filter: object) =>
      (await all(watchUevents(sourceOf(bound, Buffer.from("x"), "lost", node, disk), filter))).map((event) =>
        event.type === "lost" ? "lost" : event.sequence,
      );
    expect(await numbers({})).toEqual([4711, "lost", 4712, 4713]);
    expect(await numbers({ subsystems: ["pci", "block"] })).toEqual([4711, "lost", 4713]);
    expect(await numbers({ address: "01:00.0" })).toEqual([4711, "lost", 4712]);
    expect(await numbers({ address: "02:00.0" })).toEqual(["lost"]);
  });

  it("ends with its signal, without an error", async () => {
    expect(await all(watchUevents(sourceOf(bound), { signal: AbortSignal.abort() }))).toEqual([]);
  });

  it("refuses before it waits what it cannot use", () => {
    const refused = expect.objectContaining({ code: "ERR_INVALID_ARGUMENT", hint: expect.any(String) });
    expect(() => watchUevents({} as never)).toThrow(refused);
    expect(() => watchUevents(sourceOf(), { address: "slot 4" })).toThrow(refused);
    expect(() => watchUevents(sourceOf(), { subsystems: "pci" as never })).toThrow(refused);
  });
});
