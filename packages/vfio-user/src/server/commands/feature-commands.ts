import { toIova } from "@userpci/interface";
import { uapi } from "@userpci/vfio-native/structures";
import { decodeRequest, structures } from "../../protocol/index.ts";
import { coarser, pagesIn } from "../bitmap.ts";
import { refusal } from "../descriptors.ts";
import type { CommandContext, CommandHandler } from "./context.ts";

const { deviceFeature, feature, featureFlag, migrationFlag } = structures;
const { migrationInfo, migrationState, dmaLoggingStart, dmaLoggingRange, dmaLoggingReport } = structures;
const { migrationDataSize } = uapi;

type GetFeature = (context: CommandContext, data: Uint8Array, room: number) => Uint8Array;
type SetFeature = (context: CommandContext, data: Uint8Array) => Uint8Array;

/** An optional feature of a device. */
interface Feature {
  readonly supported: (context: CommandContext) => boolean;
  readonly get?: GetFeature;
  readonly set?: SetFeature;
}

const canMigrate = ({ migration }: CommandContext): boolean => migration.supported;
const always = (): boolean => true;
const nothing = new Uint8Array(0);

/** What there is, by number. */
const features = new Map<number, Feature>([
  [
    feature.MIGRATION,
    {
      supported: canMigrate,
      get: () => migrationInfo.pack({ flags: BigInt(migrationFlag.STOP_COPY) }),
    },
  ],
  [
    feature.MIG_DEVICE_STATE,
    {
      supported: canMigrate,
      get: ({ migration }) => migrationState.pack({ state: migration.state, fd: 0xffff_ffff }),
      set: ({ migration }, data) => {
        migration.go(migrationState.read(sized(data, migrationState.size)).state);
        return migrationState.pack({ state: migration.state, fd: 0xffff_ffff });
      },
    },
  ],
  [
    feature.MIG_DATA_SIZE,
    {
      supported: canMigrate,
      get: ({ migration }) => migrationDataSize.pack({ stop_copy_length: BigInt(migration.size) }),
    },
  ],
  [feature.DMA_LOGGING_START, { supported: always, set: startLog }],
  [
    feature.DMA_LOGGING_STOP,
    {
      supported: always,
      set: ({ table }) => {
        table.mapper.dirty.stop();
        return nothing;
      },
    },
  ],
  [feature.DMA_LOGGING_REPORT, { supported: always, get: reportLog }],
]);

/** DEVICE_FEATURE. */
export const useFeature: CommandHandler = (context, body) => {
  const { values, tail } = decodeRequest("deviceFeature", body);
  const { argsz, flags } = values;
  const index = flags & 0xffff;
  const wants = { get: (flags & featureFlag.GET) !== 0, set: (flags & featureFlag.SET) !== 0 };
  const probes = (flags & featureFlag.PROBE) !== 0;
  const known = featureFlag.GET | featureFlag.SET | featureFlag.PROBE | 0xffff;
  const asks = probes || wants.get !== wants.set;
  if (argsz < deviceFeature.size || (flags & ~known) !== 0 || !asks) {
    throw refusal("EINVAL", `DEVICE_FEATURE with argsz ${argsz} and flags 0x${flags.toString(16)}`);
  }
  const found = features.get(index);
  const lacks = (wants.get && found?.get === undefined) || (wants.set && found?.set === undefined);
  if (found === undefined || lacks || !found.supported(context)) {
    throw refusal("ENOTTY", `the device has no feature ${index}`);
  }
  if (probes) return { payload: deviceFeature.pack({ argsz: deviceFeature.size, flags }) };
  const room = Math.min(argsz - deviceFeature.size, context.transfer);
  const data = wants.get ? found.get!(context, tail, room) : found.set!(context, tail);
  if (data.length > room)
    throw refusal("EINVAL", `argsz ${argsz}, and the answer has ${data.length} bytes more`);
  const payload = deviceFeature.pack({ argsz: deviceFeature.size + data.length, flags }, data.length);
  payload.set(data, deviceFeature.size);
  return { payload };
};

/** MIG_DATA_READ: the answer is as long as was asked for, and says how much of it is state, as libvfio-user's does. */
export const readMigration: CommandHandler = ({ migration, transfer }, body) => {
  const { argsz, size } = decodeRequest("migrationDataRead", body).values;
  const fixed = structures.migrationData.size;
  if (size > transfer || argsz < fixed + size) {
    throw refusal("EINVAL", `MIG_DATA_READ of ${size} bytes with argsz ${argsz}; ${transfer} is the most`);
  }
  const data = migration.read(size);
  const payload = structures.migrationData.pack({ argsz: fixed + size, size: data.length }, size);
  payload.set(data, fixed);
  return { payload };
};

/** MIG_DATA_WRITE. */
export const writeMigration: CommandHandler = ({ migration }, body) => {
  migration.write(decodeRequest("migrationDataWrite", body).tail);
  return undefined;
};

/** Begins to note which pages the device writes. All of them are noted; the ranges only have to make sense. */
function startLog({ table }: CommandContext, data: Uint8Array): Uint8Array {
  const { page_size, num_ranges } = dmaLoggingStart.read(sized(data, dmaLoggingStart.size));
  const ranges = sized(data.subarray(dmaLoggingStart.size), num_ranges * dmaLoggingRange.size);
  for (let i = 0; i < num_ranges; i++) {
    const { iova, length } = dmaLoggingRange.read(ranges, i * dmaLoggingRange.size);
    if (length === 0n || iova + length > 1n << 64n) {
      throw refusal("EINVAL", `a range of ${length} bytes at 0x${iova.toString(16)} to be logged`);
    }
  }
  const isPower = page_size >= 4096n && (page_size & (page_size - 1n)) === 0n;
  if (!isPower) throw refusal("EINVAL", `a log of pages of ${page_size} bytes`);
  table.mapper.dirty.start();
  return data;
}

/** The pages of a range that the device has written since the log was begun, or the range was last reported. */
function reportLog({ table }: CommandContext, data: Uint8Array, room: number): Uint8Array {
  const values = dmaLoggingReport.read(sized(data, dmaLoggingReport.size));
  const { pages, length } = pagesIn(values.iova, values.length, values.page_size);
  if (dmaLoggingReport.size + length > room) {
    throw refusal("EINVAL", `a bitmap of ${length} bytes for ${pages} pages, and there is room for ${room}`);
  }
  const bits = table.mapper.dirty.take(toIova(values.iova), Number(values.length));
  const report = dmaLoggingReport.pack(values, length);
  report.set(coarser(bits, Number(values.page_size), pages), dmaLoggingReport.size);
  return report;
}

/** @throws PciError `EINVAL` for fewer bytes than a structure has */
function sized(data: Uint8Array, size: number): Uint8Array {
  if (data.length >= size) return data;
  throw refusal("EINVAL", `a feature with ${data.length} bytes of data, which takes ${size}`);
}
