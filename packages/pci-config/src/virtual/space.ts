import { accessError, checkInteger, PciError, type Region, valueError } from "@userpci/interface";
import { bytesRegion } from "../bytes.ts";
import { type ConfigSpace, configOf } from "../config.ts";
import { commonHeader } from "../header.ts";
import { ConfigMap } from "../map.ts";
import { ignore } from "../problem.ts";
import { readRegister, writeRegister } from "../register.ts";
import type { Width } from "../table.ts";
import { sizeBars } from "./bars.ts";
import type { VirtualDevice } from "./device.ts";
import { type Explanation, explainBits } from "./explain.ts";
import { type Layout, layOut, type Structure } from "./layout.ts";
import { type Masks, masksOf } from "./masks.ts";
import { barRestorer, type MediationContext, mediationReach, mediations } from "./mediation.ts";
import { providerOf } from "./provider.ts";
import type { Profile } from "./rule.ts";

/** Bytes of one access to the device. */
type Size = 1 | 2 | 4;

/**
 * What the user of a device gets in place of its config space, by the tables of a profile (rows R8 and R9). A {@link Region}:
 * what is virtual is kept here, the rest is read from the device, and a write reaches the device only where the
 * profile lets it. The device must have a type 0 header.
 *
 * The state kept for the user goes with `close()` (row R17), and a new one begins from the device.
 */
export class VirtualConfigSpace implements Region, Disposable {
  readonly profile: Profile;
  /** Bytes: of the device's config space, but at most 4096. */
  readonly size: number;
  readonly #device: Region;
  readonly #layout: Layout;
  readonly #masks: Masks;
  readonly #kept: Region;
  readonly #context: Omit<MediationContext, "base">;
  #closed = false;

  /**
   * @throws PciError `ERR_NOT_SUPPORTED` for another header than type 0, `ERR_INVALID_ARGUMENT` for a BAR that cannot be or a
   * region of less than 64 bytes
   */
  constructor(profile: Profile, device: VirtualDevice) {
    const config = configOf(device.region);
    requireEndpoint(config);
    this.profile = profile;
    this.#device = device.region;
    this.#layout = layOut(profile, device.region, traitsOf(device));
    this.#masks = masksOf(profile, this.#layout);
    this.size = this.#layout.content.length;
    this.#kept = bytesRegion(this.#layout.content);
    sizeBars(this.#layout.content, this.#masks, device);
    this.#setFacts(device);
    this.#context = {
      kept: this.#kept,
      device: device.region,
      provider: providerOf(device, config),
      restoreBars: device.virtualFunction ? () => {} : barRestorer(device.region),
    };
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** The header and the capabilities that the user is shown, in the order of their lists. */
  get structures(): readonly Structure[] {
    return this.#layout.structures;
  }

  /** Who owns each byte, of what the user is shown (row R7). */
  map(): ConfigMap {
    return new ConfigMap(this.size, this.structures, ignore);
  }

  read8(offset: number): number {
    return this.#read(this.#check(offset, 1), 1);
  }

  read16(offset: number): number {
    return this.#read(this.#check(offset, 2), 2);
  }

  read32(offset: number): number {
    return this.#read(this.#check(offset, 4), 4);
  }

  /** @throws PciError `ERR_NOT_SUPPORTED`: no access to config space has 64 bits */
  read64(_offset: number): bigint {
    throw tooWide();
  }

  write8(offset: number, value: number): void {
    this.#write(this.#checkWrite(offset, 1, value), 1, value & 0xff);
  }

  write16(offset: number, value: number): void {
    this.#write(this.#checkWrite(offset, 2, value), 2, value & 0xffff);
  }

  write32(offset: number, value: number): void {
    this.#write(this.#checkWrite(offset, 4, value), 4, value >>> 0);
  }

  /** @throws PciError `ERR_NOT_SUPPORTED`: no access to config space has 64 bits */
  write64(_offset: number, _value: bigint): void {
    throw tooWide();
  }

  /**
   * Who owns bits, whether they are virtual, whether a write changes them and reaches the device, and why. Bits with
   * different answers come one after the other.
   *
   * @param offset byte that bit 0 of the mask belongs to
   * @param mask the bits asked for, up to 32 of them
   * @throws PciError `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT`, `ERR_CLOSED`
   */
  explain(offset: number, mask: number): readonly Explanation[] {
    this.#requireOpen();
    checkInteger("mask", mask, 1, 0xffff_ffff);
    const bytes = Math.ceil((32 - Math.clz32(mask)) / 8);
    checkInteger("offset", offset, 0, this.size - bytes);
    return explainBits(this.profile, this.#layout, this.#masks, offset, mask);
  }

  /** Forgets what was kept for the user. Closing twice is harmless; the device stays as it is. */
  close(): void {
    this.#closed = true;
    this.#layout.content.fill(0);
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** What the bytes of the device do not tell. */
  #setFacts({ virtualFunction, intx }: VirtualDevice): void {
    if (virtualFunction) {
      this.#kept.write16(commonHeader.vendorId.offset, virtualFunction.vendorId);
      this.#kept.write16(commonHeader.deviceId.offset, virtualFunction.deviceId);
      const { offset } = commonHeader.command;
      this.#kept.write16(offset, this.#kept.read16(offset) | (1 << commonHeader.command.fields.memory.lo));
    }
    if (virtualFunction || intx === "none") this.#kept.write8(commonHeader.interruptPin.offset, 0);
  }

  #requireOpen(): void {
    if (this.#closed)
      throw new PciError("ERR_CLOSED", "the virtual config space is closed", {
        hint: "make another one, and close it after its last user",
      });
  }

  #checkWrite(offset: number, size: Size, value: number): number {
    this.#check(offset, size);
    const error = valueError("the virtual config space", offset, size, value);
    if (error !== undefined) throw error;
    return offset;
  }

  #check(offset: number, size: Size): number {
    this.#requireOpen();
    const error = accessError("the virtual config space", this.size, offset, size);
    if (error !== undefined) throw error;
    return offset;
  }

  /** Bytes of the next access: within one owner, aligned, and what is left. */
  #step(offset: number, left: number): Size {
    const { owners } = this.#layout;
    const owner = owners[offset];
    let same = 1;
    while (same < left && owners[offset + same] === owner) same++;
    if (same >= 4) return 4;
    return same >= 2 && offset % 2 === 0 ? 2 : 1;
  }

  #read(offset: number, size: Size): number {
    let value = 0;
    for (let done = 0; done < size; ) {
      const step = this.#step(offset + done, size - done);
      value |= this.#readStep(offset + done, step) << (8 * done);
      done += step;
    }
    return value >>> 0;
  }

  #readStep(offset: number, size: Size): number {
    const virtual = wordAt(this.#masks.virtual, offset, size);
    const kept = wordAt(this.#layout.content, offset, size) & virtual;
    if (virtual === allOf(size)) return kept;
    return kept | (readRegister(this.#device, widthOf(size), offset) & ~virtual);
  }

  #write(offset: number, size: Size, value: number): void {
    for (let done = 0; done < size; ) {
      const step = this.#step(offset + done, size - done);
      this.#writeStep(offset + done, step, (value >>> (8 * done)) & allOf(step));
      done += step;
    }
  }

  #writeStep(offset: number, size: Size, value: number): void {
    const structure = this.#layout.structures[this.#layout.owners[offset]! - 1];
    const store = (): void => this.#store(offset, size, value);
    const mediation = structure?.spec.mediation;
    const base = structure?.offset ?? 0;
    if (mediation === undefined || base + mediationReach[mediation] > this.size) {
      store();
      return;
    }
    const write = { offset: offset - base, size, value: value >>> 0 };
    mediations[mediation]({ ...this.#context, base }, write, store);
  }

  #store(offset: number, size: Size, value: number): void {
    const { virtual, writable } = this.#masks;
    for (let byte = 0; byte < size; byte++) {
      const at = offset + byte;
      const mask = virtual[at]! & writable[at]!;
      const { content } = this.#layout;
      content[at] = (content[at]! & ~mask) | ((value >>> (8 * byte)) & mask);
    }
    this.#storeInDevice(offset, size, value);
  }

  /**
   * One access of the device, no wider than the bits that may be written need: what lies beside them, such as status bits that are
   * cleared by writing back what was read, is not touched.
   */
  #storeInDevice(offset: number, size: Size, value: number): void {
    const mask =
      (wordAt(this.#masks.writable, offset, size) & ~wordAt(this.#masks.virtual, offset, size)) >>> 0;
    if (mask === 0) return;
    const [skip, narrow] = narrowest(mask, size);
    const bits = (mask >>> (8 * skip)) & allOf(narrow);
    const wanted = (value >>> (8 * skip)) & bits;
    const width = widthOf(narrow);
    const at = offset + skip;
    const others = bits === (allOf(narrow) | 0) ? 0 : readRegister(this.#device, width, at) & ~bits;
    writeRegister(this.#device, width, at, (others | wanted) >>> 0);
  }
}

/** The smallest aligned part of a word of `size` bytes that has all bits of `mask`: bytes to skip, and its size. */
function narrowest(mask: number, size: Size): readonly [skip: number, size: Size] {
  for (const narrow of [1, 2] as const) {
    for (let skip = 0; skip + narrow <= size; skip += narrow) {
      if (((mask >>> (8 * skip)) & allOf(narrow)) << (8 * skip) === (mask | 0)) return [skip, narrow];
    }
  }
  return [0, size];
}

const allOf = (size: Size): number => (size === 4 ? -1 : 2 ** (8 * size) - 1);
const widthOf = (size: Size): Width => (size * 8) as Width;

function wordAt(bytes: Uint8Array, offset: number, size: Size): number {
  let word = 0;
  for (let byte = 0; byte < size; byte++) word |= bytes[offset + byte]! << (8 * byte);
  return word;
}

function traitsOf({ virtualFunction }: VirtualDevice): ReadonlySet<string> {
  return new Set(virtualFunction ? ["virtualFunction"] : []);
}

function requireEndpoint(config: ConfigSpace): void {
  const { layout } = config.headerType;
  if (layout === 0) return;
  throw new PciError("ERR_NOT_SUPPORTED", `a header of type ${layout} is not given to users`, {
    hint: "only functions with a type 0 header, endpoints, can be owned from user space",
  });
}

function tooWide(): PciError {
  return new PciError("ERR_NOT_SUPPORTED", "config space has no accesses of 64 bits", {
    hint: "use two of 32 bits",
  });
}
