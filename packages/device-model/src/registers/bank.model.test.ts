import fc from "fast-check";
import { expect, it } from "vitest";
import type { AccessWidth } from "../model.ts";
import { registerBank } from "./bank.ts";
import { registerTable } from "./register-table.ts";
import type { RegisterAccess, RegisterRow } from "./table.ts";

const kinds: readonly RegisterAccess[] = ["ro", "rw", "wo", "rw1c", "rw1s", "rc"];

/** A bit of the space, as the table declares it. */
interface Bit {
  value: boolean;
  readonly access: RegisterAccess;
}

/** What an access to bits is, bit by bit: no words, no masks. */
class BitModel {
  readonly #bits: (Bit | undefined)[] = [];

  constructor(rows: Readonly<Record<string, RegisterRow>>) {
    for (const row of Object.values(rows)) {
      for (let bit = 0; bit < row.width; bit++) {
        const field = Object.values(row.fields ?? {}).find(({ lo, hi = lo }) => lo <= bit && bit <= hi);
        const value = ((BigInt(row.reset ?? 0) >> BigInt(bit)) & 1n) === 1n;
        this.#bits[8 * row.offset + bit] = { value, access: field?.access ?? row.access };
      }
    }
  }

  read(offset: number, bytes: number): bigint {
    let result = 0n;
    for (let i = 0; i < 8 * bytes; i++) {
      const bit = this.#bits[8 * offset + i];
      if (bit?.value && bit.access !== "wo") result |= 1n << BigInt(i);
      if (bit?.access === "rc") bit.value = false;
    }
    return result;
  }

  write(offset: number, bytes: number, value: bigint): void {
    for (let i = 0; i < 8 * bytes; i++) {
      const bit = this.#bits[8 * offset + i];
      const one = ((value >> BigInt(i)) & 1n) === 1n;
      if (bit === undefined) continue;
      if (bit.access === "rw" || bit.access === "wo") bit.value = one;
      if (bit.access === "rw1c" && one) bit.value = false;
      if (bit.access === "rw1s" && one) bit.value = true;
    }
  }
}

const widths = [8, 16, 32, 64] as const;

/** Rows for 32 bytes, each 8 bytes cut into registers of one width, some left out. */
const rowsArbitrary = fc
  .array(
    fc.record({
      width: fc.constantFrom(...widths),
      used: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
      access: fc.array(fc.constantFrom(...kinds), { minLength: 16, maxLength: 16 }),
      reset: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      field: fc.integer({ min: 0, max: 7 }),
    }),
    { minLength: 4, maxLength: 4 },
  )
  .map((groups) => {
    const rows: Record<string, RegisterRow> = {};
    for (const [group, { width, used, access, reset, field }] of groups.entries()) {
      for (let i = 0; i < 64 / width; i++) {
        if (!used[i]) continue;
        rows[`R${group}_${i}`] = {
          offset: 8 * group + (i * width) / 8,
          width,
          access: access[i]!,
          reset: BigInt.asUintN(width, reset >> BigInt(i)),
          doc: "some",
          fields: { F: { lo: field, hi: width - 1, access: access[8 + i]!, doc: "some" } },
        };
      }
    }
    return rows;
  });

const accessesArbitrary = fc.array(
  fc.record({
    write: fc.boolean(),
    bytes: fc.constantFrom(1, 2, 4, 8),
    at: fc.integer({ min: 0, max: 39 }),
    value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  }),
  { minLength: 1, maxLength: 30 },
);

it("a bank does with every bit of every access what the table says", () => {
  fc.assert(
    fc.property(rowsArbitrary, accessesArbitrary, (rows, accesses) => {
      const bank = registerBank(registerTable("t", rows));
      const model = new BitModel(rows);
      for (const { write, bytes, at, value } of accesses) {
        const offset = at - (at % bytes);
        const given = BigInt.asUintN(8 * bytes, value);
        if (write) {
          model.write(offset, bytes, given);
          if (bytes === 8) bank.write64(offset, given);
          else bank.write(offset, bytes as AccessWidth, Number(given));
        } else {
          const got = bytes === 8 ? bank.read64(offset) : BigInt(bank.read(offset, bytes as AccessWidth));
          expect(got).toBe(model.read(offset, bytes));
        }
        if (bytes === 2) bank.load(bank.save());
      }
    }),
    { numRuns: 150 },
  );
});
