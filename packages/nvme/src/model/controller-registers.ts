import { type RegisterHandlers, registerBank, registerTable } from "@userpci/device-model/registers";
import { nvmeRegisters } from "../registers.ts";
import { VERSION } from "./identity.ts";
import type { NvmeSettings } from "./options.ts";

const { CAP, VS, INTMS, INTMC, CC, CSTS, AQA, ASQ, ACQ, SQTDBL, CQHDBL } = nvmeRegisters.rows;

/** The largest CC.MPS: pages of 64 KiB. */
export const LARGEST_MPS = 4;

/** CAP.TO: 10 seconds, though it takes none. */
const TIMEOUT = 20;

/** Queues in one piece, the NVM command set, doorbells 4 bytes apart. */
function capabilities({ entries }: NvmeSettings): bigint {
  const fields = CAP.fields;
  const put = (value: number, lo: number): bigint => BigInt(value) << BigInt(lo);
  return (
    put(entries - 1, fields.MQES.lo) |
    put(1, fields.CQR.lo) |
    put(TIMEOUT, fields.TO.lo) |
    put(1, fields.CSS.lo) |
    put(LARGEST_MPS, fields.MPSMAX.lo)
  );
}

/** The registers that this controller has, without its doorbells. What is optional and not here reads 0. */
const tableOf = (settings: NvmeSettings) =>
  registerTable("nvme", {
    CAP: { ...CAP, reset: capabilities(settings) },
    VS: { ...VS, reset: VERSION },
    INTMS,
    INTMC,
    CC,
    CSTS,
    AQA,
    ASQ,
    ACQ,
  });

/** Its registers and doorbells, for people. */
export const fullTable = (settings: NvmeSettings) => {
  const count = settings.queues + 1;
  const doorbells = { SQTDBL: { ...SQTDBL, count }, CQHDBL: { ...CQHDBL, count } };
  return registerTable("nvme", { ...tableOf(settings).rows, ...doorbells });
};

type ControllerRows = ReturnType<typeof tableOf>["rows"];

/** The bank of the registers. */
export const controllerBank = (settings: NvmeSettings, handlers: RegisterHandlers<ControllerRows>) =>
  registerBank(tableOf(settings), handlers);

/** What {@link controllerBank} makes. */
export type ControllerBank = ReturnType<typeof controllerBank>;
