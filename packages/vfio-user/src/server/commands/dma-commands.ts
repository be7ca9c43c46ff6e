import { toIova } from "@userpci/interface";
import { defineStruct } from "@userpci/vfio-native/structures";
import { decodeRequest, structures } from "../../protocol/index.ts";
import { coarser, pagesIn } from "../bitmap.ts";
import { refusal } from "../descriptors.ts";
import type { CommandContext, CommandHandler } from "./context.ts";

const { dmaMap, dmaMapFlag, dmaUnmap, dmaUnmapFlag } = structures;

/** Follows the request for written pages, and in the answer the bitmap follows it; no longer in the specification. */
const unmapBitmap = defineStruct("vfio_user_bitmap", { pgsize: "u64", size: "u64" });

/** `MMAP` and `FILE_IO` of libvfio-user, which say how its own server is to use the descriptor. */
const FOREIGN_FLAGS = 0xc;

/** DMA_MAP. */
export const mapDma: CommandHandler = ({ table }, body, fds) => {
  const { argsz, flags, offset, address, size } = decodeRequest("dmaMap", body).values;
  const known = dmaMapFlag.READ | dmaMapFlag.WRITE | FOREIGN_FLAGS;
  if (argsz < dmaMap.size || (flags & ~known) !== 0) {
    throw refusal("EINVAL", `DMA_MAP with argsz ${argsz} and flags 0x${flags.toString(16)}`);
  }
  const fd = fds.only("DMA_MAP");
  table.map({
    start: address,
    size,
    readable: (flags & dmaMapFlag.READ) !== 0,
    writable: (flags & dmaMapFlag.WRITE) !== 0,
    ...(fd !== undefined && { file: { fd, offset } }),
  });
  return undefined;
};

/** DMA_UNMAP. */
export const unmapDma: CommandHandler = (context, body) => {
  const { values, tail } = decodeRequest("dmaUnmap", body);
  const { argsz, flags, address, size } = values;
  const known = dmaUnmapFlag.GET_DIRTY | dmaUnmapFlag.ALL;
  if (argsz < dmaUnmap.size || (flags & ~known) !== 0) {
    throw refusal("EINVAL", `DMA_UNMAP with argsz ${argsz} and flags 0x${flags.toString(16)}`);
  }
  if ((flags & dmaUnmapFlag.ALL) !== 0) {
    if (flags !== dmaUnmapFlag.ALL || address !== 0n || size !== 0n) {
      throw refusal("EINVAL", "DMA_UNMAP of all, with an address, a size or another flag");
    }
    context.table.clear();
    return { payload: dmaUnmap.pack(values) };
  }
  if ((flags & dmaUnmapFlag.GET_DIRTY) !== 0) return unmapNoted(context, values, tail);
  context.table.unmap(address, size);
  return { payload: dmaUnmap.pack(values) };
};

/** Unmaps, and answers with the pages of the range that the device wrote. */
function unmapNoted(
  { table, transfer }: CommandContext,
  values: { argsz: number; flags: number; address: bigint; size: bigint },
  request: Uint8Array,
): { payload: Uint8Array } {
  if (request.length < unmapBitmap.size)
    throw refusal("EINVAL", "DMA_UNMAP for a bitmap, and none is described");
  const { pgsize, size: room } = unmapBitmap.read(request);
  const { pages, length } = pagesIn(values.address, values.size, pgsize);
  const fixed = dmaUnmap.size + unmapBitmap.size;
  if (room < BigInt(length) || values.argsz < fixed + length || length > transfer) {
    throw refusal("EINVAL", `${length} bytes for ${pages} pages, and there is room for ${room}`);
  }
  let bits: Uint8Array = new Uint8Array(0);
  table.unmap(values.address, values.size, () => {
    bits = table.mapper.dirty.take(toIova(values.address), Number(values.size));
  });
  const payload = dmaUnmap.pack({ ...values, argsz: fixed + length }, unmapBitmap.size + length);
  unmapBitmap.write(payload, { pgsize, size: BigInt(length) }, dmaUnmap.size);
  payload.set(coarser(bits, Number(pgsize), pages), fixed);
  return { payload };
}
