import type { HostedFunction } from "@userpci/device-model";
import type { Capabilities } from "../protocol/index.ts";
import type { BarFiles } from "./bar-files.ts";
import type { CommandContext } from "./commands/context.ts";
import { DmaMessages, type DmaRequest } from "./dma-messages.ts";
import { DmaTable } from "./dma-table.ts";
import { FileWindows } from "./file-windows.ts";
import { IrqLines } from "./irq-lines.ts";
import type { ServerLimits } from "./limits.ts";
import { MigrationControl } from "./migration-control.ts";
import { RegionAccess } from "./region-access.ts";
import type { ServedDma } from "./served-dma.ts";

/** A function and how it reaches the memory of whoever is its client. */
export interface Served {
  readonly fn: HostedFunction;
  readonly dma: ServedDma;
  /** Files behind its BARs; undefined where they are their owner's. */
  readonly files?: BarFiles;
}

/** A function in the hands of a client: from the version's agreement until it leaves. */
export class ClientDevice implements CommandContext {
  readonly fn: HostedFunction;
  readonly regions: CommandContext["regions"];
  readonly access: RegionAccess;
  readonly table: DmaTable;
  readonly irqs: IrqLines;
  readonly migration: MigrationControl;
  readonly transfer: number;
  readonly takesDescriptors: boolean;
  readonly messages: DmaMessages;
  readonly #dma: ServedDma;
  readonly #files: BarFiles | undefined;
  #isMapped = false;
  #closed = false;

  /**
   * Opens the function, which is reset.
   *
   * @param client what it said of itself
   * @param send sends it a DMA message
   */
  constructor(
    { fn, dma, files }: Served,
    limits: ServerLimits,
    client: Capabilities,
    send: (request: DmaRequest) => void,
  ) {
    fn.open();
    this.fn = fn;
    this.#dma = dma;
    this.#files = files;
    this.regions = Array.from({ length: fn.info.regions }, (_, index) => fn.regionInfo(index));
    this.transfer = limits.dataTransfer;
    this.takesDescriptors = client.maxMsgFds > 0;
    this.access = new RegionAccess(fn, this.regions, limits.dataTransfer);
    this.table = new DmaTable(new FileWindows(), limits.dmaMaps);
    this.irqs = new IrqLines(fn);
    this.migration = new MigrationControl(fn, limits.migrationState);
    this.messages = new DmaMessages({
      send,
      transfer: Math.min(client.maxDataXferSize, limits.dataTransfer),
      timeoutMs: limits.dmaMs,
      inFlight: limits.dmaInFlight,
    });
    dma.connect(this);
  }

  /** Whether the client may write to memory of the device unheard, so that the model must be polled. */
  get isMapped(): boolean {
    return this.#isMapped;
  }

  mapped(): void {
    this.#isMapped = true;
    this.#files?.given();
  }

  /**
   * Lets the model do what is due.
   *
   * @param most steps
   * @returns whether it did something
   */
  step(most: number): boolean {
    let done = 0;
    while (done < most && this.fn.step()) done++;
    return done > 0;
  }

  /** Takes the function back: interrupts off, reset, then its memory unmapped. Harmless twice. @throws what the model throws */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      if (this.migration.supported) this.migration.deviceReset();
      this.fn.close();
    } finally {
      this.#dma.connect(undefined);
      this.messages.close();
      this.irqs.close();
      this.table.clear();
    }
  }
}
