import { decodeRequest, limits, structures } from "../../protocol/index.ts";
import { refusal } from "../descriptors.ts";
import type { CommandHandler } from "./context.ts";

const { writeMulti: fixed, multiWrite } = structures;

/** REGION_WRITE_MULTI: the answer says how many of the writes were done; the first that fails is the last that was tried. */
export const writeMulti: CommandHandler = ({ access }, body) => {
  const { values, tail } = decodeRequest("regionWriteMulti", body);
  if (values.count > BigInt(limits.writes)) {
    throw refusal("E2BIG", `${values.count} writes in one message, and ${limits.writes} are the most`);
  }
  let done = 0;
  try {
    for (; done < Number(values.count); done++) {
      const start = done * multiWrite.size;
      const { offset, region, count } = multiWrite.read(tail, start);
      if (count < 1 || count > 8) throw refusal("EINVAL", `a write of ${count} bytes, not 1 to 8`);
      access.writeAt(region, Number(offset), tail, start + multiWrite.offsets.data, count);
    }
  } catch (error) {
    // What was done cannot be told along with an error.
    if (done === 0) throw error;
  }
  return { payload: fixed.pack({ count: BigInt(done) }) };
};
