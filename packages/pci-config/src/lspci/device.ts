/** Address of a function. */
export interface FunctionAddress {
  /** 0 and up; more than 16 bits for some virtual bridges. */
  readonly domain: number;
  readonly bus: number;
  readonly device: number;
  readonly function: number;
}

/** What a system says of an address range of a function: a BAR, the ROM or a bridge's window. */
export interface SystemRange {
  /** First address; 0 if none is assigned. */
  readonly address: bigint;
  /** Bytes; 0 if unknown or none. */
  readonly size: bigint;
  /** The kernel's resource flags (`IORESOURCE_*`). */
  readonly flags: number;
}

/** What the system says that a function is. */
export interface SystemIdentity {
  readonly vendor: number;
  readonly device: number;
  /** Base class and sub-class. */
  readonly classCode: number;
  readonly programmingInterface: number;
  readonly revision?: number;
  readonly subsystem?: { readonly subvendor: number; readonly subdevice: number };
}

/** Registers of a link that are not in the function's own space. */
export interface SystemLink {
  readonly capabilities: number;
  readonly control: number;
  readonly status: number;
}

/** What only the system that a function lives in can say of it; a dump has none of it. */
export interface SystemFacts {
  readonly identity?: SystemIdentity;
  /** Number of the interrupt as the system counts; 0 for none. */
  readonly irq?: number;
  /** Numbers of the interrupts that its MSI or MSI-X vectors are. */
  readonly messageIrqs?: readonly number[];
  /** BARs 0 to 5, then the ROM, then a bridge's windows: I/O, memory, prefetchable memory. */
  readonly ranges?: readonly SystemRange[];
  readonly numaNode?: number;
  readonly iommuGroup?: string;
  readonly physicalSlot?: string;
  /** Name that the firmware gives it. */
  readonly label?: string;
  readonly driver?: string;
  readonly modules?: readonly string[];
  /** Vital product data, as far as the system lets it be read. */
  readonly vpd?: Uint8Array;
  /** Link of a restricted CXL device, which has it in a root complex register block (CXL 3.1, 8.2.1.3). */
  readonly restrictedLink?: SystemLink;
  /** Path of the function in the device tree. */
  readonly deviceTree?: string;
}

/** A function to print. */
export interface LspciDevice {
  readonly address: FunctionAddress;
  /** Its configuration space, as far as it could be read. */
  readonly bytes: Uint8Array;
  readonly system?: SystemFacts;
}
