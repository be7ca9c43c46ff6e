import { regionIndex } from "@userpci/interface";

/** Name of a region for people. */
export function regionName(index: number): string {
  if (index <= regionIndex.bar5) return `BAR ${index}`;
  const names: Readonly<Record<number, string>> = {
    [regionIndex.rom]: "the expansion ROM",
    [regionIndex.config]: "config space",
    [regionIndex.vga]: "the VGA region",
  };
  return names[index] ?? `region ${index}`;
}
