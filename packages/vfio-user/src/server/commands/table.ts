import { commands } from "../../protocol/index.ts";
import type { CommandHandler } from "./context.ts";
import { getInfo, getIrqInfo, getRegionInfo, getRegionIoFds, reset } from "./device-commands.ts";
import { mapDma, unmapDma } from "./dma-commands.ts";
import { readMigration, useFeature, writeMigration } from "./feature-commands.ts";
import { setIrqs } from "./irq-commands.ts";
import { writeMulti } from "./region-commands.ts";

/** What a client may ask for once the version is agreed on, by number, beside single accesses to regions: see `RegionAccess`. */
export const handlers: ReadonlyMap<number, CommandHandler> = new Map([
  [commands.dmaMap.number, mapDma],
  [commands.dmaUnmap.number, unmapDma],
  [commands.deviceGetInfo.number, getInfo],
  [commands.regionGetInfo.number, getRegionInfo],
  [commands.regionGetIoFds.number, getRegionIoFds],
  [commands.irqGetInfo.number, getIrqInfo],
  [commands.setIrqs.number, setIrqs],
  [commands.deviceReset.number, reset],
  [commands.regionWriteMulti.number, writeMulti],
  [commands.deviceFeature.number, useFeature],
  [commands.migrationDataRead.number, readMigration],
  [commands.migrationDataWrite.number, writeMigration],
]);
