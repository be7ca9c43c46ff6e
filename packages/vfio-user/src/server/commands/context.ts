import type { HostedFunction } from "@userpci/device-model";
import type { RegionInfo } from "@userpci/interface";
import type { Descriptors } from "../descriptors.ts";
import type { DmaTable } from "../dma-table.ts";
import type { IrqLines } from "../irq-lines.ts";
import type { MigrationControl } from "../migration-control.ts";
import type { RegionAccess } from "../region-access.ts";

/** What the commands of a client work on. */
export interface CommandContext {
  readonly fn: HostedFunction;
  /** By number; they do not change while a function is open. */
  readonly regions: readonly RegionInfo[];
  readonly access: RegionAccess;
  readonly table: DmaTable;
  readonly irqs: IrqLines;
  readonly migration: MigrationControl;
  /** Most bytes of data in one message, as agreed. */
  readonly transfer: number;
  /** Whether the client takes descriptors at all. */
  readonly takesDescriptors: boolean;
  /** Told when the client got a descriptor of a region: the model must be polled from now on. */
  mapped(): void;
}

/** What is answered behind the header. */
export interface Answer {
  readonly payload: Uint8Array;
  /** Go along, and stay the server's. */
  readonly fds?: readonly number[];
}

/**
 * Does a command.
 *
 * @param body what follows the header
 * @returns nothing for an answer that is but a header
 * @throws PciError for which the client gets an error number
 */
export type CommandHandler = (
  context: CommandContext,
  body: Uint8Array,
  fds: Descriptors,
) => Answer | undefined;
