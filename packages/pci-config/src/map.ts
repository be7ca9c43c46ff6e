import { checkInteger } from "@userpci/interface";
import type { CapabilityKind } from "./capability.ts";
import { hex, problem, type Report } from "./problem.ts";

/** What owns bytes of a config space: the header or a capability. */
export interface Owner {
  readonly kind: "header" | CapabilityKind;
  /** `header`, or the capability's name. */
  readonly name: string;
  /** First byte. */
  readonly offset: number;
  /** Bytes that it claims. */
  readonly length: number;
}

/**
 * Who owns each byte of a config space (row R7). Where two claim a byte, the later one in the list has it, as in the
 * kernel's `vfio_pci_config.c`.
 */
export class ConfigMap {
  /** Bytes that the map covers. */
  readonly size: number;
  /** The header, then the capabilities in the order of their lists. */
  readonly owners: readonly Owner[];
  readonly #byByte: Uint16Array;

  /** @param report receives `overlap`, once for each owner: at the first byte that an earlier one claims */
  constructor(size: number, owners: readonly Owner[], report: Report) {
    this.size = size;
    this.owners = owners;
    this.#byByte = new Uint16Array(size);
    for (const [index, owner] of owners.entries()) this.#claim(owner, index + 1, report);
  }

  /**
   * The owner of a byte, or undefined if nothing claims it.
   *
   * @throws PciError `ERR_OUT_OF_RANGE`
   */
  ownerOf(offset: number): Owner | undefined {
    return this.owners[this.#byByte[checkInteger("offset", offset, 0, this.size - 1)]! - 1];
  }

  #claim(owner: Owner, mark: number, report: Report): void {
    const byByte = this.#byByte;
    const end = Math.min(owner.offset + owner.length, this.size);
    let isReported = false;
    for (let at = owner.offset; at < end; at++) {
      const was = byByte[at]!;
      if (was !== 0 && !isReported) {
        isReported = true;
        const { name, offset } = this.owners[was - 1]!;
        const message = `${owner.name} at ${hex(owner.offset)} claims byte ${hex(at)} of ${name} at ${hex(offset)}`;
        report(problem("overlap", at, message));
      }
      byByte[at] = mark;
    }
  }
}

/** The map of a space of `size` bytes: its header's, of `headerLength` bytes, and its capabilities'. */
export function mapOf(
  size: number,
  headerLength: number,
  capabilities: readonly Owner[],
  report: Report,
): ConfigMap {
  const header = { kind: "header", name: "header", offset: 0, length: headerLength } as const;
  return new ConfigMap(size, [header, ...capabilities], report);
}
