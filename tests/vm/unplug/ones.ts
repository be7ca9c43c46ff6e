/** Run as a process: fills the memory of QEMU's `ivshmem-plain` with ones, in its BAR 2: `node ones.js ADDRESS`. */
import { openDevice } from "userpci";

const ONES = 0xffff_ffff_ffff_ffffn;

await using device = await openDevice(process.argv[2]!);
const memory = device.bar(2).map();
for (let offset = 0; offset < memory.size; offset += 8) memory.write64(offset, ONES);
