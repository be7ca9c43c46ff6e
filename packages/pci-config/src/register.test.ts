import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import { bytesRegion } from "./bytes.ts";
import { configOf } from "./config.ts";
import { extendedCapabilities } from "./extended.ts";
import { fieldReader, readField } from "./field-reader.ts";
import { commonHeader, type0Header, type1Header } from "./header.ts";
import { encodeField, registerClass } from "./register.ts";
import { standardCapabilities } from "./standard.ts";
import { type FieldSpec, type FieldsSpec, fieldMask, isWritable, type RegisterTable } from "./table.ts";
import { codeOf, recordingRegion, space } from "./testing/regions.ts";

const decoded = (row: FieldSpec, raw: number) => readField(fieldReader("field", row), raw);

const tables: Record<string, RegisterTable> = { commonHeader, type0Header, type1Header };
for (const [name, { registers }] of [
  ...Object.entries(standardCapabilities),
  ...Object.entries(extendedCapabilities),
]) {
  tables[name] = { ...tables[name], ...(registers as RegisterTable) };
}
const registers = Object.entries(tables).flatMap(([table, rows]) =>
  Object.entries(rows).map(([name, spec]) => ({ name: `${table}.${name}`, spec })),
);
const fieldRegisters = registers.filter(
  (row): row is { name: string; spec: FieldsSpec } => row.spec.kind === "fields",
);

const configSpace = (bytes: Uint8Array = new Uint8Array(256)) => {
  const { region, log } = recordingRegion(bytes);
  return { config: configOf(region), log, bytes };
};

describe("tables", () => {
  it.each(fieldRegisters)("$name: fields fit the register and do not overlap", ({ spec }) => {
    let taken = 0;
    for (const [field, row] of Object.entries(spec.fields)) {
      expect(row.lo, field).toBeLessThanOrEqual(row.hi);
      expect(row.hi, field).toBeLessThan(spec.width);
      expect(taken & fieldMask(row), `${field} overlaps`).toBe(0);
      taken |= fieldMask(row);
    }
  });

  it.each(fieldRegisters)("$name: words fit their field, and no name hides a method", ({ spec }) => {
    for (const [name, { lo, hi, words = [] }] of Object.entries(spec.fields)) {
      expect(words.length).toBeLessThanOrEqual(2 ** (hi - lo + 1));
      expect([
        "spec",
        "kept",
        "raw",
        "read",
        "write",
        "update",
        "toJSON",
        "readers",
        "label",
        "constructor",
      ]).not.toContain(name);
    }
  });

  it.each(registers)("$name is naturally aligned, also where a trait moves it", ({ spec }) => {
    expect(spec.offset % (spec.width / 8)).toBe(0);
    expect((spec.moved?.by ?? 0) % (spec.width / 8)).toBe(0);
  });

  it("have no two registers at one place with the same traits", () => {
    for (const [table, rows] of Object.entries(tables)) {
      const seen = new Set<string>();
      for (const [name, { offset, when, moved }] of Object.entries(rows)) {
        const place = `${offset} ${when} ${moved?.when}`;
        expect(seen.has(place), `${table}.${name}`).toBe(false);
        seen.add(place);
      }
    }
  });

  it("give every capability an id of its own, and no register a name that hides a property", () => {
    for (const table of [standardCapabilities, extendedCapabilities]) {
      const ids = Object.values(table).map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      for (const { registers: rows } of Object.values(table)) {
        for (const name of ["kind", "id", "name", "title", "version", "offset", "bytes", "constructor"]) {
          expect(Object.keys(rows)).not.toContain(name);
        }
      }
    }
  });
});

describe("a register", () => {
  it("reads a field with one access of its width", () => {
    const { config, log } = configSpace(space(256, [0x04, 0x06, 0x01]));
    expect(config.command.busMaster).toBe(true);
    expect(config.command.io).toBe(false);
    expect(log).toEqual(["read16 0x4", "read16 0x4"]);
  });

  it("reads all fields with one access", () => {
    const { config, log } = configSpace(space(256, [0x0e, 0x81]));
    expect(config.headerType.read()).toEqual({ layout: 1, multiFunction: true });
    expect(JSON.stringify(config.headerType)).toBe('{"layout":1,"multiFunction":true}');
    expect(log).toEqual(["read8 0xe", "read8 0xe"]);
  });

  it("is shown by Node's console with one read, or none where reading does something", () => {
    const { config, log } = configSpace(space(256, [0x04, 0x06, 0x01], [0x2c]));
    expect(inspect(config.command)).toBe("command = 0x106 (memory, busMaster, systemError)");
    expect(inspect({ status: config.status })).toBe("{ status: status = 0x0 (deviceSelectTiming fast) }");
    expect(log).toEqual(["read16 0x4", "read16 0x6"]);
    const spec: FieldsSpec = { ...config.command.spec, reads: "effect" };
    const unread = new (registerClass(spec, "data"))(bytesRegion(new Uint8Array(0)), 0);
    expect(inspect(unread)).toBe("data (reading it has an effect)");
    const unreadable = new (registerClass(config.command.spec, "command"))(bytesRegion(new Uint8Array(0)), 4);
    expect(inspect(unreadable)).toMatch(/^command \(.*0x4.*\)$/);
  });

  it("is updated with one read and one write of its width, its neighbours untouched", () => {
    const { config, log, bytes } = configSpace(space(256, [0x04, 0x01, 0x84, 0xff, 0xff]));
    config.command.update({ memory: true, busMaster: true, io: false });
    expect(log).toEqual(["read16 0x4", "write16 0x4 0x8406"]);
    expect([...bytes.subarray(4, 8)]).toEqual([0x06, 0x84, 0xff, 0xff]);
  });

  it("clears the status bit that was named and no other: RW1C bits and RsvdZ bits are written 0", () => {
    const { config, log } = configSpace(space(256, [0x06, 0xff, 0xff]));
    config.status.update({ receivedMasterAbort: true });
    // Read-only bits 0, 3 to 7, 9 and 10 as read, bit 13 cleared by 1; bits 1 and 2 are RsvdZ.
    expect(log).toEqual(["read16 0x6", "write16 0x6 0x26f9"]);
  });

  it.each([undefined, null, 6, "memory"])("refuses %j, which is no update", (changes) => {
    const { command } = configOf(bytesRegion(new Uint8Array(256)));
    expect(() => command.update(changes as never)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }),
    );
  });

  it("refuses a wrong update before it touches the device", () => {
    const { config, log } = configSpace();
    // @ts-expect-error status bits that are read-only are not offered
    expect(codeOf(() => config.status.update({ interruptStatus: true }))).toBe("ERR_INVALID_ARGUMENT");
    // @ts-expect-error no such field
    expect(codeOf(() => config.command.update({ bossMaster: true }))).toBe("ERR_INVALID_ARGUMENT");
    // @ts-expect-error inherited names are no fields
    expect(codeOf(() => config.command.update({ toString: true }))).toBe("ERR_INVALID_ARGUMENT");
    // @ts-expect-error a flag takes a boolean
    expect(codeOf(() => config.command.update({ memory: 1 }))).toBe("ERR_INVALID_ARGUMENT");
    expect(codeOf(() => config.command.write(0x1_0000))).toBe("ERR_OUT_OF_RANGE");
    expect(codeOf(() => config.command.write(-1))).toBe("ERR_OUT_OF_RANGE");
    expect(codeOf(() => config.endpoint?.rom.update({ address: 0x1000_0001 }))).toBe("ERR_MISALIGNED");
    expect(log.filter((entry) => entry.startsWith("write"))).toEqual([]);
  });

  it("names the fields that can be written when one cannot", () => {
    const { config } = configSpace();
    // @ts-expect-error read-only
    const run = () => config.headerType.update({ layout: 1 });
    expect(run).toThrow(/read-only/);
    expect(codeOf(run)).toBe("ERR_INVALID_ARGUMENT");
  });

  it("is a number where it has no fields, assigned where it can be written", () => {
    const { config, log } = configSpace(space(256, [0, 0x34, 0x12, 0x78, 0x56]));
    expect(config.vendorId).toBe(0x1234);
    config.interruptLine = 11;
    expect(log).toEqual(["read16 0x0", "write8 0x3c 0xb"]);
    expect(() => {
      // @ts-expect-error an id cannot be assigned
      config.vendorId = 1;
    }).toThrow(TypeError);
    expect(
      codeOf(() => {
        config.interruptLine = 256;
      }),
    ).toBe("ERR_OUT_OF_RANGE");
  });

  it("has types derived from its table", () => {
    const { config } = configSpace();
    expectTypeOf(config.command.busMaster).toEqualTypeOf<boolean>();
    expectTypeOf(config.headerType.layout).toEqualTypeOf<number>();
    expectTypeOf(config.vendorId).toEqualTypeOf<number>();
    expectTypeOf<Parameters<typeof config.status.update>[0]>().not.toHaveProperty("interruptStatus");
    const msi = config.find("msi");
    expectTypeOf(msi?.addressLo).toEqualTypeOf<number | undefined>();
    type Msi = NonNullable<typeof msi>;
    expectTypeOf<Msi["addressLo"]>().toEqualTypeOf<number>();
    expectTypeOf<Msi["addressHi"]>().toEqualTypeOf<number | undefined>();
    expectTypeOf<Msi["name"]>().toEqualTypeOf<"msi">();
  });
});

const anyValueOf = (field: FieldSpec) => {
  if (field.form === "flag") return fc.boolean();
  const most = 2 ** (field.hi - field.lo + 1) - 1;
  const number = fc.integer({ min: 0, max: most });
  return field.form === "address" ? number.map((value) => value * 2 ** field.lo) : number;
};

describe("any field of any register", () => {
  const fields = fieldRegisters.flatMap(({ name, spec }) =>
    Object.entries(spec.fields).map(([field, row]) => ({ name: `${name}.${field}`, spec, field, row })),
  );

  it("encodes and decodes to the same value, inside its own bits", () => {
    const arbitrary = fc
      .constantFrom(...fields)
      .chain((one) => fc.tuple(fc.constant(one), anyValueOf(one.row)));
    fc.assert(
      fc.property(arbitrary, ([{ name, row }, value]) => {
        const raw = encodeField(name, row, value);
        expect(decoded(row, raw)).toBe(value);
        expect(raw & ~fieldMask(row)).toBe(0);
      }),
      { numRuns: 2000 },
    );
  });

  it("reads back what an update wrote, and leaves every other field that can be kept", () => {
    const writable = fields.filter(({ row }) => row.access === "RW" || row.access === "RWS");
    const arbitrary = fc
      .constantFrom(...writable)
      .chain((one) =>
        fc.tuple(fc.constant(one), anyValueOf(one.row), fc.integer({ min: 0, max: 0xffff_ffff })),
      );
    fc.assert(
      fc.property(arbitrary, ([{ spec, field, row }, value, start]) => {
        const region = bytesRegion(new Uint8Array(4));
        const before = (start & (0xffff_ffff >>> (32 - spec.width))) >>> 0;
        region.write32(0, before);
        const register = new (registerClass(spec, field))(region, 0);
        register.update({ [field]: value } as never);
        expect(decoded(row, register.raw)).toBe(value);
        for (const [name, other] of Object.entries(spec.fields)) {
          if (name === field) continue;
          const kept =
            isWritable(other.access) && other.access.startsWith("RW1C") ? 0 : before & fieldMask(other);
          expect(register.raw & fieldMask(other), name).toBe(kept);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
