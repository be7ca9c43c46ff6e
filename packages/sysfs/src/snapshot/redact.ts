/** What may tell a machine from another of its kind, and what takes it out. */
interface Rule {
  readonly path: RegExp;
  readonly replace: (content: Buffer) => Uint8Array;
}

const mac = /\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/gi;
const uuid = /\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi;
/** Identifiers of the kind `ata-MODEL_SERIAL`, and the values of options that name hosts, keys or users. */
const diskId = /((?:ata|nvme|scsi|usb|wwn|mmc|md-uuid)-)[^\s/,"]+/g;
const privateOption = /\b((?:ip|nfsroot|iscsi_\w+|rd\.\w*key\w*|systemd\.hostname|hostname|BOOTIF)=)\S+/g;

const asText = (change: (text: string) => string) => (content: Buffer) =>
  Buffer.from(change(content.toString("latin1")), "latin1");
const withoutIds = asText((text) =>
  text
    .replace(uuid, (found) => found.replace(/[0-9a-f]/gi, "0"))
    .replace(mac, "00:00:00:00:00:00")
    .replace(diskId, "$1REDACTED")
    .replace(privateOption, "$1REDACTED"),
);

const rules: readonly Rule[] = [
  { path: /^\/proc\/(self\/)?(cmdline|mounts|mountinfo|swaps|mdstat)$/, replace: withoutIds },
  { path: /\/net\/[^/]+\/address$/, replace: asText((text) => text.replace(/[0-9a-f]/gi, "0")) },
  {
    path: /\/dm\/uuid$/,
    replace: asText((text) => text.replace(/[A-Za-z0-9]{6,}/g, (part) => "0".repeat(part.length))),
  },
  // Interfaces and flags stay: whether a device is in use for the network shows without its addresses.
  { path: /\/net\/route$/, replace: asText((text) => text.replace(/\b[0-9A-F]{8}\b/g, zeroUnlessPlain)) },
  {
    path: /\/net\/(ipv6_route|if_inet6)$/,
    replace: asText((text) => text.replace(/\b[0-9a-f]{32}\b/g, zeroUnlessPlain)),
  },
  { path: /\/net\/fib_trie$/, replace: () => Buffer.alloc(0) },
  { path: /\/[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\/config$/, replace: withoutSerialNumber },
];

/** A default route and a host's mask tell nothing. */
function zeroUnlessPlain(digits: string): string {
  return /^(0+|[fF]+0*)$/.test(digits) ? digits : "0".repeat(digits.length);
}

/** Extended capabilities are from here on (PCI Express 5.0, section 7.6). */
const EXTENDED = 0x100;
/** Device Serial Number (PCI Express 5.0, section 7.9.3): its id, and where its eight bytes are. */
const SERIAL_NUMBER = 0x0003;
const SERIAL_AT = 4;

/** Configuration space with zeros for the serial number of the card, which often is its MAC address. */
function withoutSerialNumber(content: Buffer): Uint8Array {
  const bytes = Buffer.from(content);
  const seen = new Set<number>();
  for (let at = EXTENDED; at >= EXTENDED && at + 12 <= bytes.length && !seen.has(at); ) {
    seen.add(at);
    const head = bytes.readUInt32LE(at);
    if ((head & 0xffff) === SERIAL_NUMBER) bytes.fill(0, at + SERIAL_AT, at + SERIAL_AT + 8);
    at = (head >>> 20) & 0xffc;
  }
  return bytes;
}

/**
 * Takes out of a file what tells the machine from others of its kind: MAC and IP addresses, serial numbers, UUIDs of disks and
 * file systems, names of hosts and keys on the kernel's command line.
 *
 * @param path in the snapshot
 */
export function redact(path: string, content: Buffer): Uint8Array {
  return rules
    .filter((rule) => rule.path.test(path))
    .reduce((bytes, { replace }) => Buffer.from(replace(bytes)), content);
}
