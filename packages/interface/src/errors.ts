/**
 * What every code of a {@link PciError} means. A code that starts with `ERR_` is one of these; any other code is the
 * name of a system error (`ENOTTY`) that no rule of ours explains better.
 */
export const errorCodes = {
  ERR_INVALID_ARGUMENT: "an argument has the wrong type or a value that has no meaning",
  ERR_OUT_OF_RANGE: "an offset, length, index or count lies outside what the object has",
  ERR_MISALIGNED: "an offset, address or size is not a multiple of what the hardware needs",
  ERR_CLOSED: "the object was closed before the call",
  ERR_BUSY: "a live mapping or a call that has not finished still needs the object",
  ERR_NOT_SUPPORTED: "the kernel, the backend or the device does not have this feature",
  ERR_NO_DEVICE: "no PCI function has this address",
  ERR_WRONG_DRIVER: "the function is not bound to vfio-pci",
  ERR_BIND_FAILED: "the kernel did not bind the function to the driver that was asked for",
  ERR_BIND_REFUSED: "a function of this kind cannot be given to user space",
  ERR_IN_USE: "the machine itself uses the function: a mounted file system, a route, the console",
  ERR_NO_IOMMU: "the function is in no IOMMU group: the IOMMU is off or missing",
  ERR_GROUP_NOT_VIABLE: "another function of the IOMMU group is still bound to a kernel driver",
  ERR_GROUP_BUSY: "the IOMMU group is already used by another backend or domain of this process",
  ERR_DEVICE_BUSY: "the group or device node is open elsewhere",
  ERR_PERMISSION: "this user may not open the node or write the file",
  ERR_NODE_TAKEN: "a node that leads to the function was given to another user",
  ERR_NO_RESET: "a reset was required and the function has no reset method",
  ERR_DOMAIN_EMPTY: "the domain has no device attached yet, so there is nothing that could be mapped into",
  ERR_DOMAIN_IN_USE: "the domain still has devices attached",
  ERR_IOVA_RANGE: "the IOVA range is outside what the IOMMU or the device can address",
  ERR_IOVA_OVERLAP: "the IOVA range overlaps a live mapping",
  ERR_IOVA_EXHAUSTED: "no free IOVA range of this size is left",
  ERR_DMA_FAULT: "a device accessed an address that is not mapped for it so, or without bus mastering",
  ERR_POOL_EMPTY: "every element of the pool is in use",
  ERR_MEMLOCK: "pinning the memory would pass RLIMIT_MEMLOCK",
  ERR_MAPPING_LIMIT: "the IOMMU container holds as many mappings as it may",
  ERR_MSIX_TABLE: "the access touches the MSI-X table, which the kernel programs",
  ERR_IRQ_BUSY: "the kind is enabled already, a kind that excludes it is, or something else reads the vector",
  ERR_IRQ_COUNT: "more vectors were asked for than the function has",
  ERR_MEMORY_DISABLED: "memory decode is off in the command register, so a mapped BAR does not answer",
  ERR_RESETTING: "the function is being reset",
  ERR_DEVICE_GONE: "the function no longer answers: it was unplugged or its link is down",
  ERR_CAPABILITY: "a capability structure from the device or the kernel is malformed",
  ERR_TIMEOUT: "the device did not answer in time",
  ERR_ABORTED: "the caller's AbortSignal fired",
  ERR_NATIVE_UNAVAILABLE: "the native addon cannot be loaded on this system",
  ERR_PROTOCOL: "a peer broke the protocol",
  ERR_REPLAY: "a driver did something else than the recording that is replayed has",
  ERR_SAME_THREAD: "a synchronous call would wait for a server on its own thread",
  ERR_USAGE: "the command line is wrong",
  ERR_DEMO: "a step of the demo did not hold",
  ERR_INTERNAL: "a fault of the command itself",
} as const satisfies Record<string, string>;

/** A code of ours; see {@link errorCodes}. */
export type ErrorCode = keyof typeof errorCodes;

/** What mends an error of this code where the place that throws it knows nothing better. */
const defaultHints: Partial<Record<string, string>> = {
  ERR_CLOSED: "open it again; nothing can be used after its close(), or after its owner's",
  ERR_BUSY: "wait for the call under way, or close what still uses the object",
  ERR_ABORTED: "the caller's AbortSignal fired; call again without it, or with another",
  ERR_DEVICE_GONE: "close the device: it was unplugged, or its link is down",
  ERR_CAPABILITY: "the device or its kernel driver is at fault; `userpci show ADDRESS` prints what it reads",
  ERR_RESETTING: "await the promise of the reset first",
  ERR_DOMAIN_EMPTY: "open a device into the domain first: openDevice(address, { domain })",
  ERR_DOMAIN_IN_USE: "close the devices in it first",
};

/** What a {@link PciError} is made of. */
export interface PciErrorOptions {
  /** The command or line that mends it. */
  readonly hint?: string;
  /** The error beneath. */
  readonly cause?: unknown;
  /** Negative errno as Node reports it, for failures of a system call. */
  readonly errno?: number;
  /** Name of the system call that failed, with the ioctl's name where there is one. */
  readonly syscall?: string;
  /** File or node concerned. */
  readonly path?: string;
  /** Numbers and names a program may want, beside the words of the message. */
  readonly details?: Readonly<Record<string, unknown>>;
}

const brand = Symbol.for("@userpci/PciError");

/**
 * The one error class of userpci. Match on `code`, never on `instanceof`: two versions of this package may be
 * loaded at once. `isPciError` tells them from other errors.
 */
export class PciError extends Error {
  override readonly name: string = "PciError";
  /** A code of {@link errorCodes}, or the name of a system error. */
  readonly code: ErrorCode | (string & {});
  /** The command or line that mends it. */
  declare readonly hint?: string;
  /** Negative errno as Node reports it, for failures of a system call. */
  declare readonly errno?: number;
  /** Name of the system call that failed. */
  declare readonly syscall?: string;
  /** File or node concerned. */
  declare readonly path?: string;
  /** Numbers and names behind the message. */
  declare readonly details?: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode | (string & {}), message: string, options: PciErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    const hint = options.hint ?? defaultHints[code];
    if (hint !== undefined) this.hint = hint;
    if (options.errno !== undefined) this.errno = options.errno;
    if (options.syscall !== undefined) this.syscall = options.syscall;
    if (options.path !== undefined) this.path = options.path;
    if (options.details !== undefined) this.details = options.details;
    Object.defineProperty(this, brand, { value: true });
  }
}

/**
 * Thrown by a register access whose function was unplugged or whose link is down. The value read would have been
 * all ones. Its `code` is always `ERR_DEVICE_GONE`.
 */
export class DeviceGoneError extends PciError {
  override readonly name = "DeviceGoneError";

  constructor(message: string, options: PciErrorOptions = {}) {
    super("ERR_DEVICE_GONE", message, options);
  }
}

/**
 * Whether `value` is a {@link PciError}, of this or any other copy of the package.
 *
 * @param value anything that was caught
 * @param code if given, the error must also have this code
 */
export function isPciError(value: unknown, code?: ErrorCode | (string & {})): value is PciError {
  if (!(value instanceof Error) || !(brand in value)) return false;
  return code === undefined || ("code" in value && value.code === code);
}
