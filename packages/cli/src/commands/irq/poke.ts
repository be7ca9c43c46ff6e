import { type OwnedRegion, PciError } from "@userpci/interface";
import { type KnownDevice, parseSpot } from "../../target/known.ts";
import type { Target } from "../../target/target.ts";
import { type AccessBits, barOf, numberOf, writeAt } from "../mem/access.ts";

/** A write into a BAR, as an option gives it. */
export interface Poke {
  readonly bar: number;
  readonly offset: number;
  readonly width: AccessBits;
  readonly value: bigint;
}

/**
 * Reads `BAR:OFFSET=VALUE`, where OFFSET may be a register's name if the device is known.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for a value that does not fit
 */
export function parsePoke(text: string, device: KnownDevice | undefined): Poke {
  const [, barText = "", place = "", valueText = ""] = /^([^:]+):([^=]+)=(.+)$/.exec(text) ?? [];
  if (valueText === "") {
    throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is no write`, {
      hint: "give BAR:OFFSET=VALUE, such as 0:0x60=0x1",
    });
  }
  const bar = barOf(barText);
  const { offset, width = 32 } = parseSpot(place, bar, device);
  const value = numberOf(valueText, "value");
  if (value < 1n << BigInt(width)) return { bar, offset, width, value };
  throw new PciError("ERR_OUT_OF_RANGE", `${valueText} does not fit the ${width} bits of ${place}`, {
    hint: "give a smaller value",
  });
}

/** Does the write. */
export function poke(bars: Bars, { bar, offset, width, value }: Poke): void {
  writeAt(bars.at(bar), width, offset, value);
}

/** BARs that are written, each opened once. */
export class Bars implements Disposable {
  readonly #target: Target;
  readonly #open = new Map<number, OwnedRegion>();

  constructor(target: Target) {
    this.#target = target;
  }

  at(index: number): OwnedRegion {
    const region = this.#open.get(index) ?? this.#target.bar(index, true);
    this.#open.set(index, region);
    return region;
  }

  [Symbol.dispose](): void {
    for (const region of this.#open.values()) region.close();
  }
}
