import { errnoName, systemError } from "./errno.ts";
import type { Native } from "./native.ts";
import type { Struct } from "./struct.ts";
import { request } from "./uapi/vfio.ts";

/** Name of a request in {@link request}. */
export type RequestName = keyof typeof request;

/**
 * One ioctl that must succeed.
 *
 * @returns the non-negative result
 * @throws PciError with the system's code
 */
export function check(native: Native, fd: number, name: RequestName, argument: Uint8Array | number): number {
  const result = native.ioctl(fd, request[name], argument);
  if (result < 0) throw systemError(result, `ioctl VFIO_${name}`);
  return result;
}

/** Whether a result is the negative errno of this name; a descriptor may have the same number. */
export function failedWith(result: number, name: string): boolean {
  return result < 0 && errnoName(result) === name;
}

/** More than the kernel has ever put behind an info structure; a larger demand is refused. */
const LARGEST_ANSWER = 2 ** 20;

/** The fields that every info structure of VFIO begins with. */
type InfoFields = { readonly argsz: "u32"; readonly flags: "u32" };

/**
 * Asks for an info structure, again with more room if the kernel says by `argsz` that capabilities did not fit.
 *
 * @param values fields to fill in before asking, such as the index
 * @returns the structure with what follows it
 */
export function query<F extends InfoFields & Record<string, "u8" | "u16" | "u32" | "s32" | "u64">>(
  native: Native,
  fd: number,
  name: RequestName,
  struct: Struct<F>,
  values: { [K in keyof F]?: number },
): Uint8Array {
  const ask = (size: number): Uint8Array => {
    const bytes = new Uint8Array(size);
    struct.write(bytes, { ...values, argsz: size } as Parameters<typeof struct.write>[1]);
    check(native, fd, name, bytes);
    return bytes;
  };
  const bytes = ask(struct.size);
  const needed = new DataView(bytes.buffer).getUint32(struct.offsets.argsz, true);
  return needed > bytes.length && needed <= LARGEST_ANSWER ? ask(needed) : bytes;
}
