import type { Random } from "../../vm/harness/random.ts";
import { fill, type Generator } from "../generate.ts";
import { asBridge, EXTENDED, FIRST, patch, withExtended } from "../space.ts";

/** Most bytes that a made capability has. */
const LENGTH = 0x100;

/**
 * An extended capability with any content, of any port type, version and header, now and then cut off.
 *
 * @param shape puts values in place that steer the rest, after the noise
 */
export function extended(
  id: number,
  shape: (bytes: Uint8Array, random: Random) => void = () => {},
): Generator {
  return (random) => {
    const bytes = withExtended(id, random.once(3) ? random.number(16) : 1 + random.number(3));
    fill(bytes, random, EXTENDED + 4, EXTENDED + LENGTH);
    bytes[FIRST + 2] = (random.once(3) ? random.number(16) << 4 : 0) | 2;
    if (random.once(3)) asBridge(bytes);
    // A link of as many lanes as one can have.
    patch(bytes, [FIRST + 0x0c, 4, random.pick([1, 2, 4, 8, 16, random.number(64)]) << 4]);
    shape(bytes, random);
    return random.once(6) ? bytes.slice(0, EXTENDED + 4 * random.number(24)) : bytes;
  };
}
