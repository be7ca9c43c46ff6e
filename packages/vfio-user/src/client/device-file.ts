import { constants } from "node:os";
import { isPciError, PciError, regionIndex } from "@userpci/interface";
import type { DeviceCalls } from "@userpci/vfio-native/device";
import { uapi } from "@userpci/vfio-native/structures";
import { PEER_HINT } from "../protocol/errors.ts";
import { type Capabilities, limits, protocolError, structures } from "../protocol/index.ts";
import type { Connection } from "./connection.ts";
import { IrqMessages } from "./irq-messages.ts";
import { MigrationData } from "./migration-data.ts";
import type { CheckedOptions } from "./options.ts";
import { offsetAt, RegionFiles, regionAt } from "./region-files.ts";
import { Registers, type Width } from "./registers.ts";

const { ENOTTY, EINVAL, ENODEV } = constants.errno;
const { request, feature, featureFlag } = uapi;

/** Answers one request of the kernel's for devices, filling its structure. Refusals are thrown. */
type Handler = (argument: Uint8Array) => void;

/**
 * A served device, answering as the descriptor of one in the kernel does (`linux/vfio.h`): what is asked of it becomes
 * messages.
 */
export class DeviceFile implements DeviceCalls {
  readonly fd: number;
  readonly refusalHint = PEER_HINT.server;
  readonly #connection: Connection;
  readonly #registers: Registers;
  readonly #regions: RegionFiles;
  readonly #irqs: IrqMessages;
  readonly #migration: MigrationData;
  readonly #handlers: ReadonlyMap<number, Handler>;
  readonly #posting: CheckedOptions["postedWrites"];
  #posts: boolean | undefined;
  #resettable = false;

  /** @param connection its own from now on */
  constructor(connection: Connection, server: Capabilities, { postedWrites }: CheckedOptions) {
    this.fd = connection.socket.fd;
    this.#connection = connection;
    this.#posting = postedWrites;
    this.#registers = new Registers(connection, server.maxDataXferSize);
    this.#regions = new RegionFiles(connection);
    this.#irqs = new IrqMessages(connection, server.maxMsgFds);
    connection.onEnd(() => this.#irqs.request());
    this.#migration = new MigrationData(connection, server.maxDataXferSize);
    this.#handlers = new Map<number, Handler>([
      [request.DEVICE_GET_INFO, (bytes) => this.#deviceInfo(bytes)],
      [request.DEVICE_GET_REGION_INFO, (bytes) => this.#regionInfo(bytes)],
      [request.DEVICE_GET_IRQ_INFO, (bytes) => this.#irqInfo(bytes)],
      [request.DEVICE_SET_IRQS, (bytes) => this.#irqs.set(bytes)],
      [request.DEVICE_RESET, () => this.#reset()],
      [request.DEVICE_FEATURE, (bytes) => this.#feature(bytes)],
    ]);
  }

  get lost(): PciError | undefined {
    return this.#connection.ended;
  }

  ioctl(number: number, argument: Uint8Array | number): number {
    // The protocol has no hot reset; the kernel answers so for a function whose bus has none.
    if (number === request.DEVICE_GET_PCI_HOT_RESET_INFO) return -ENODEV;
    const handler = this.#handlers.get(number);
    if (handler === undefined) return -ENOTTY;
    try {
      handler(typeof argument === "number" ? nothing : argument);
      return 0;
    } catch (error) {
      return this.#refusal(error);
    }
  }

  async ioctlAsync(number: number, argument: Uint8Array): Promise<number> {
    if (number !== request.DEVICE_RESET) return this.ioctl(number, argument);
    const result = await this.#connection.callLater("deviceReset");
    if (result === 0) this.#migration.close();
    return result;
  }

  readScalar(position: number, width: Width): number {
    return this.#registers.read(regionAt(position), offsetAt(position), width);
  }

  pread(position: number, target: Uint8Array): number {
    try {
      return this.#registers.readBytes(regionAt(position), offsetAt(position), target);
    } catch (error) {
      return this.#refusal(error);
    }
  }

  writeScalar(position: number, width: Width, value: number): number {
    const region = regionAt(position);
    if (region > regionIndex.bar5 || !this.#postsWrites()) {
      return this.#registers.write(region, offsetAt(position), width, value);
    }
    this.#registers.post(region, offsetAt(position), width, value);
    return 0;
  }

  readWide(position: number): bigint | number {
    return this.#registers.readWide(regionAt(position), offsetAt(position));
  }

  writeWide(position: number, value: bigint): number {
    const region = regionAt(position);
    if (region > regionIndex.bar5 || !this.#postsWrites()) {
      return this.#registers.writeWide(region, offsetAt(position), value);
    }
    this.#registers.postWide(region, offsetAt(position), value);
    return 0;
  }

  locate(offset: number, length: number): { fd: number; offset: number } | number {
    return this.#regions.locate(offset, length);
  }

  /** Resets the device if that can be, so that nothing of it goes on, and closes the connection. */
  close(): void {
    try {
      if (this.#mayReset()) this.#reset();
    } catch (error) {
      // A device that would not be reset is the server's to reset when the connection closes.
      if (!isPciError(error)) throw error;
    } finally {
      this.#shut();
    }
  }

  async closeAsync(): Promise<void> {
    try {
      if (this.#mayReset()) await this.#connection.callLater("deviceReset");
    } catch (error) {
      if (!isPciError(error)) throw error;
    } finally {
      this.#shut();
    }
  }

  #shut(): void {
    this.#migration.close();
    this.#regions.close();
    this.#connection.close();
  }

  #mayReset(): boolean {
    return this.#resettable && !this.#connection.closed && this.#connection.ended === undefined;
  }

  #postsWrites(): boolean {
    this.#posts ??=
      this.#posting === "always" || (this.#posting === "unmapped" && !this.#regions.anyMappable);
    return this.#posts;
  }

  /** The negative errno of a refusal; what ended the connection is thrown on. */
  #refusal(error: unknown): number {
    if (!isPciError(error) || this.#connection.ended !== undefined || this.#connection.closed) throw error;
    if (error.errno === undefined) throw error;
    return -Math.abs(error.errno);
  }

  #reset(): void {
    this.#connection.call("deviceReset", {});
    this.#migration.close();
  }

  #deviceInfo(bytes: Uint8Array): void {
    const { size: argsz } = structures.deviceInfo;
    const { values } = this.#connection.call("deviceGetInfo", { argsz });
    const { flags, num_regions, num_irqs } = values;
    if (num_regions <= regionIndex.config || num_regions > limits.regions || num_irqs > limits.irqs) {
      throw this.#connection.end(
        protocolError(`the server has a device of ${num_regions} regions and ${num_irqs} interrupt kinds`),
      );
    }
    if ((flags & structures.deviceFlag.PCI) === 0) {
      throw new PciError("ERR_NOT_SUPPORTED", `what ${this.#connection.path} serves is no PCI function`, {
        hint: "this client drives PCI functions only",
        errno: -EINVAL,
      });
    }
    this.#resettable = (flags & structures.deviceFlag.RESET) !== 0;
    uapi.deviceInfo.write(bytes, { flags: flags & ~CAPS, num_regions, num_irqs, cap_offset: 0 });
  }

  #regionInfo(bytes: Uint8Array): void {
    const { index } = uapi.regionInfo.read(bytes);
    bytes.set(this.#regions.describe(index, bytes.length).subarray(0, bytes.length));
  }

  #irqInfo(bytes: Uint8Array): void {
    const { index } = uapi.irqInfo.read(bytes);
    const { size: argsz } = structures.irqInfo;
    const { values } = this.#connection.call("irqGetInfo", { argsz, index });
    uapi.irqInfo.write(bytes, { flags: values.flags, count: Math.min(values.count, 0xffff) });
  }

  reportWrites(request: Uint8Array, bitmap: Uint8Array): void {
    const { iova, length, page_size } = uapi.dmaLoggingReport.read(request);
    const data = structures.dmaLoggingReport.pack({ iova, length, page_size });
    const flags = featureFlag.GET | feature.DMA_LOGGING_REPORT;
    const argsz = structures.deviceFeature.size + data.length + bitmap.length;
    const { tail } = this.#connection.call("deviceFeature", { argsz, flags }, data);
    const found = tail.subarray(data.length);
    if (found.length < Math.ceil(Number(length / page_size) / 8)) {
      throw this.#connection.end(
        protocolError(`a log of ${found.length} bytes for ${length} bytes of memory`),
      );
    }
    bitmap.set(found.subarray(0, bitmap.length));
  }

  #feature(bytes: Uint8Array): void {
    const header = structures.deviceFeature;
    const { flags } = header.read(bytes);
    const data = bytes.subarray(header.size);
    const sent = (flags & featureFlag.PROBE) === 0 ? withoutPointers(flags & INDEX, data) : data;
    const argsz = header.size + sent.length;
    const state = stateToEnter(flags, data);
    if (state !== undefined) this.#migration.leave();
    const { tail } = this.#connection.call("deviceFeature", { argsz, flags }, sent);
    // What the kernel has behind the fixed part of a log's start stays as it was.
    const back = sent === data ? data.length : structures.dmaLoggingStart.size;
    data.set(tail.subarray(0, Math.min(data.length, back)));
    if (!tellsState(flags, data)) return;
    // A number that the server has for its descriptor says nothing here.
    const data_fd = state === undefined ? -1 : this.#migration.enter(state);
    uapi.migrationDeviceState.write(data, { data_fd });
  }
}

const nothing = new Uint8Array(0);
const CAPS = structures.deviceFlag.CAPS;

/** Which feature it is, of the flags. */
const INDEX = 0xffff;

/** Whether the answer has a migration state in it, with the kernel's descriptor. */
function tellsState(flags: number, data: Uint8Array): boolean {
  const isState = (flags & INDEX) === feature.MIG_DEVICE_STATE && (flags & featureFlag.PROBE) === 0;
  return isState && data.length >= uapi.migrationDeviceState.size;
}

/** The state that a device is told to enter; undefined for anything else. */
function stateToEnter(flags: number, data: Uint8Array): number | undefined {
  if ((flags & featureFlag.SET) === 0 || !tellsState(flags, data)) return undefined;
  return uapi.migrationDeviceState.read(data).device_state;
}

const refused = (errno: number): PciError =>
  new PciError("ERR_NOT_SUPPORTED", "the protocol has no such call", { errno: -errno });

/**
 * A feature's structure as the protocol has it: the kernel's hold addresses and descriptors of this process, for which the
 * protocol has the bytes themselves, or nothing.
 */
function withoutPointers(index: number, data: Uint8Array): Uint8Array {
  if (nowhere.has(index)) throw refused(ENOTTY);
  if (index !== feature.DMA_LOGGING_START || data.length < uapi.dmaLoggingControl.size) return data;
  const { num_ranges } = uapi.dmaLoggingControl.read(data);
  const ranges = data.subarray(uapi.dmaLoggingControl.size);
  // An address of ranges elsewhere is not looked at.
  if (ranges.length !== num_ranges * structures.dmaLoggingRange.size) throw refused(EINVAL);
  const sent = new Uint8Array(structures.dmaLoggingStart.size + ranges.length);
  sent.set(data.subarray(0, structures.dmaLoggingStart.size));
  sent.set(ranges, structures.dmaLoggingStart.size);
  return sent;
}

/** Features that cannot be over a socket; a log is read by {@link DeviceFile.reportWrites}. */
const nowhere: ReadonlySet<number> = new Set([
  feature.DMA_LOGGING_REPORT,
  feature.DMA_BUF,
  feature.LOW_POWER_ENTRY_WITH_WAKEUP,
]);
