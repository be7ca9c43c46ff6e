import { fill, type Generator } from "../generate.ts";
import { EXTENDED, patch, withExtended } from "../space.ts";

/** Ids that need no more than a few registers. */
const ids = [0x00, 0x03, 0x0d, 0x0e, 0x18, 0x1f, 0x25, 0x28, 0x42, 0xffff];

/** A list of extended capabilities that may lead anywhere: back, in the standard part, past the end. */
const chain: Generator = (random) => {
  const bytes = withExtended(0, 1, random.pick([0x400, 0x400, 0x180]));
  if (random.once(2)) fill(bytes, random, 0x80, EXTENDED);
  const places = [
    0x100,
    0x104,
    0x140,
    0x17c,
    0x200,
    0x3fc,
    0xffc,
    0x80,
    0xfc,
    0x34,
    4,
    3,
    random.number(0x1000),
  ];
  for (const at of places.filter((place) => place >= 0x80 && place + 4 <= bytes.length)) {
    const next = random.pick([0, ...places]);
    patch(bytes, [at, 2, random.pick(ids)], [at + 2, 2, (next << 4) | random.number(4)]);
  }
  return bytes;
};

/** What is compared of the list itself. */
export const chainGenerators: Readonly<Record<string, Generator>> = {
  "list of extended capabilities": chain,
};
