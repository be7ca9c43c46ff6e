import { type Backend, type BackendDevice, regionIndex } from "@userpci/interface";
import type { SubjectFunction } from "../subject.ts";
import type { Trial } from "../trial.ts";

/** Offset of the command register, and its bits for memory decode and bus mastering (PCI 3.0, section 6.2.2). */
export const COMMAND = 0x04;
const DECODE_AND_MASTER = 0b110;

/** Gives a test a backend, and closes it with all that is open in it. */
export async function withBackend(
  trial: Trial,
  test: (backend: Backend) => Promise<void> | void,
): Promise<void> {
  const backend = trial.subject.create();
  try {
    await test(backend);
  } finally {
    await backend.close();
  }
}

/** {@link withBackend} with the subject's main function open in it. */
export function withDevice(
  trial: Trial,
  test: (device: BackendDevice, backend: Backend) => Promise<void> | void,
  { address }: SubjectFunction = trial.subject.main,
): Promise<void> {
  return withBackend(trial, async (backend) => {
    await test(await backend.open(address), backend);
  });
}

/** Turns memory decode and bus mastering on. */
export function decode(device: BackendDevice): void {
  const config = device.region(regionIndex.config);
  config.write16(COMMAND, config.read16(COMMAND) | DECODE_AND_MASTER);
}

/** Where mappings of a few pages are put that are to be at a certain place, and where nothing is: at 1 and 4 MiB for pages of 4 KiB. */
export function placesOf(page: bigint): { readonly base: bigint; readonly free: bigint } {
  return { base: 256n * page, free: 1024n * page };
}
