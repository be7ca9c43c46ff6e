/** From this value on, the scale of 1 W is left behind (section 7.5.3.9). */
const FIRST_HIGH = 0xf0;
const LAST_HIGH = 0xfe;

/** A slot power limit in watts. */
export function powerLimit(value: number, scale: number): string {
  if (scale > 0 || value < FIRST_HIGH) return `${value / 10 ** scale}W`;
  return value > LAST_HIGH ? ">600W" : `${250 + 25 * (value - FIRST_HIGH)}W`;
}
