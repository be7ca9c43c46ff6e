import { vi } from "vitest";
import { loadNative, type Native } from "../native.ts";
import * as iommufd from "../uapi/iommufd.ts";
import { iommufdRequest } from "../uapi/iommufd.ts";
import * as vfio from "../uapi/vfio.ts";

const EBUSY = -16;
const ENOENT = -2;
const ENOTTY = -25;

/** What iommufd calls every device. */
const DEVICE_ID = 77;
/** Size of configuration space. */
const CONFIG = 256;

type Answer = (bytes: Uint8Array, fd: number) => number;

/**
 * What of the kernel's iommufd and device nodes can be told without them: objects with numbers, which are not destroyed
 * while another object or a device uses them. It answers the addon's calls until `vi.restoreAllMocks()`; the descriptors
 * are real, of other files.
 */
export class FakeKernel {
  /** What is there, by number, with the numbers of what it uses. */
  readonly objects = new Map<number, readonly number[]>();
  /** Page table of each device, by its descriptor: a test takes it out when the descriptor is closed everywhere. */
  readonly attached = new Map<number, number>();
  /** Other ends of the descriptors of fault queues, in the order of their making. */
  readonly faults: number[] = [];
  readonly #native = loadNative();
  #last = 0;

  constructor() {
    const native = this.#native;
    const ioctl = (fd: number, request: number, argument: Uint8Array | number): number => {
      const answer = this.#answers.get(request);
      return answer === undefined || typeof argument === "number" ? ENOTTY : answer(argument, fd);
    };
    vi.spyOn(native, "ioctl").mockImplementation(ioctl);
    vi.spyOn(native, "ioctlAsync").mockImplementation(async (fd, request, bytes) =>
      ioctl(fd, request, bytes),
    );
    // A file that answers reads of configuration space.
    vi.spyOn(native, "open").mockImplementation(() => native.memfd("fake node", CONFIG, 0, 0));
    // The pairs below are the ledger's already.
    vi.spyOn(native, "adopt").mockImplementation(() => 0);
  }

  get native(): Native {
    return this.#native;
  }

  /** Closes the other ends of the queues' descriptors. */
  closeFaults(): void {
    for (const fd of this.faults.splice(0)) this.#native.close(fd);
  }

  #make(uses: readonly number[]): number {
    this.#last += 1;
    this.objects.set(this.#last, uses);
    return this.#last;
  }

  #destroy(id: number): number {
    if (!this.objects.has(id)) return ENOENT;
    const users = [...this.objects.values()].flat();
    if (users.includes(id) || [...this.attached.values()].includes(id)) return EBUSY;
    this.objects.delete(id);
    return 0;
  }

  readonly #answers = new Map<number, Answer>([
    [iommufdRequest.IOAS_ALLOC, (bytes) => fill(iommufd.ioasAlloc, bytes, { out_ioas_id: this.#make([]) })],
    [iommufdRequest.DESTROY, (bytes) => this.#destroy(iommufd.destroy.read(bytes).id)],
    [iommufdRequest.IOAS_UNMAP, () => 0],
    [
      iommufdRequest.HWPT_ALLOC,
      (bytes) => {
        const { pt_id, fault_id } = iommufd.hwptAlloc.read(bytes);
        const uses = fault_id === 0 ? [pt_id] : [pt_id, fault_id];
        return fill(iommufd.hwptAlloc, bytes, { out_hwpt_id: this.#make(uses) });
      },
    ],
    [
      iommufdRequest.FAULT_QUEUE_ALLOC,
      (bytes) => {
        const [own, other] = this.#native.socketpair(this.#native.constants.SOCK_STREAM) as [number, number];
        this.faults.push(other);
        return fill(iommufd.faultAlloc, bytes, { out_fault_id: this.#make([]), out_fault_fd: own });
      },
    ],
    [vfio.request.DEVICE_BIND_IOMMUFD, (bytes) => fill(vfio.bindIommufd, bytes, { out_devid: DEVICE_ID })],
    [
      vfio.request.DEVICE_ATTACH_IOMMUFD_PT,
      (bytes, fd) => {
        this.attached.set(fd, vfio.attachPageTable.read(bytes).pt_id);
        return 0;
      },
    ],
    [vfio.request.DEVICE_GET_INFO, (bytes) => fill(vfio.deviceInfo, bytes, { num_regions: 9, num_irqs: 0 })],
    [
      vfio.request.DEVICE_GET_REGION_INFO,
      (bytes) => {
        const isConfig = vfio.regionInfo.read(bytes).index === 7;
        return fill(vfio.regionInfo, bytes, { flags: 3, size: BigInt(isConfig ? CONFIG : 0) });
      },
    ],
  ]);
}

function fill<T>(
  struct: { write(bytes: Uint8Array, values: T): void },
  bytes: Uint8Array,
  values: T,
): number {
  struct.write(bytes, values);
  return 0;
}
