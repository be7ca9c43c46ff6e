// The corpus without its rows of zeros, and back: lspci takes a missing row for ff.

const zeros = /^[0-9a-f]{2,3}:(?: 00){16}$/;

/**
 * Leaves out rows of zeros but for the last of a function, which tells its size.
 * @param {string} text
 */
export function shorten(text) {
  const lines = text.split("\n");
  return lines
    .filter((line, index) => !zeros.test(line) || !/^[0-9a-f]/.test(lines[index + 1] ?? ""))
    .join("\n");
}

/**
 * Puts rows of zeros back.
 * @param {string} text
 */
export function lengthen(text) {
  let next = 0;
  const lines = [];
  for (const line of text.split("\n")) {
    const row = /^([0-9a-f]{2,3}): /.exec(line);
    const at = row ? Number.parseInt(/** @type {string} */ (row[1]), 16) : 0;
    for (; row && next < at; next += 16)
      lines.push(`${next.toString(16).padStart(2, "0")}:${" 00".repeat(16)}`);
    next = row ? at + 16 : 0;
    lines.push(line);
  }
  return lines.join("\n");
}
