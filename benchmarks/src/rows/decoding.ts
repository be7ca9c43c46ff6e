import { bytesRegion, configOf, describe } from "@userpci/pci-config";
import type { Bench } from "../bench.ts";
import { richestSpaces } from "../spaces.ts";
import { quickest } from "../timing.ts";

const SPACES = 8;
const TURNS = 5;
const SLICES = 60;

/** Where results go, so that nothing can leave them out. */
export const sink: { last: unknown } = { last: undefined };

const decode = (bytes: Uint8Array) => describe(configOf(bytesRegion(bytes)));

/** Everything that a configuration space says as plain data, beside reading the same data from JSON. */
export async function decodingRows(bench: Bench): Promise<void> {
  const spaces = richestSpaces(SPACES, (bytes) => {
    const { capabilities, extendedCapabilities } = decode(bytes);
    return capabilities.length + extendedCapabilities.length;
  });
  const texts = spaces.map((bytes) => JSON.stringify(decode(bytes)));
  const decodeAll = (): void => {
    for (let turn = 0; turn < TURNS; turn++) for (const bytes of spaces) sink.last = decode(bytes);
  };
  const parseAll = (): void => {
    for (let turn = 0; turn < TURNS; turn++) for (const text of texts) sink.last = JSON.parse(text);
  };
  await bench.row({
    name: "decode a 4 KiB space",
    typescript: () => quickest(decodeAll, TURNS * SPACES, SLICES),
    reference: { name: "JSON.parse", round: () => quickest(parseAll, TURNS * SPACES, SLICES) },
    limits: [{ of: "JSON.parse", atMost: 1 }],
  });
}
