import { checkInteger, checkNames, checkType, formatValue, PciError } from "@userpci/interface";

/** How {@link nicPair} may be asked. */
export interface NicPairOptions {
  /** Longest frame in bytes, 64 to 16384. Default 9216. */
  readonly maxFrame?: number;
  /** Addresses of the two, such as `02:00:00:00:00:01`. Default: that, and `02:00:00:00:00:02`. */
  readonly macs?: readonly [string, string];
}

/** The options of a pair, checked. */
export interface NicPairSettings {
  readonly maxFrame: number;
  readonly macs: readonly [Uint8Array, Uint8Array];
}

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` */
export function settingsOf(options: NicPairOptions): NicPairSettings {
  checkType("the options of nicPair", options, "object");
  const { maxFrame = 9216, macs = ["02:00:00:00:00:01", "02:00:00:00:00:02"] } = options;
  checkNames("nicPair", options, { maxFrame, macs });
  checkInteger("maxFrame", maxFrame, 64, 16_384);
  if (!Array.isArray(macs)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `macs must be an array, not ${formatValue(macs)}`, {
      hint: 'give two addresses, such as ["02:00:00:00:00:01", "02:00:00:00:00:02"]',
    });
  }
  return { maxFrame, macs: [macOf(macs[0]), macOf(macs[1])] };
}

function macOf(text: string): Uint8Array {
  checkType("an address", text, "string");
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text) || (Number.parseInt(text, 16) & 1) !== 0) {
    throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is no address of a station`, {
      hint: "give six bytes such as 02:00:00:00:00:01, the first one even",
    });
  }
  return Uint8Array.from(text.split(":"), (byte) => Number.parseInt(byte, 16));
}
