/**
 * Classes of vfio-native that a user gets from a device, and this program makes over ordinary memory and files: the same
 * compiled modules, so that the figures are the users'.
 *
 * @packageDocumentation
 */

const entry = import.meta.resolve("@userpci/vfio-native");

function load<T>(file: string): Promise<T> {
  return import(new URL(file, entry).href) as Promise<T>;
}

export const { MappedRegion } =
  await load<typeof import("../../packages/vfio-native/dist/mapped-region.js")>("mapped-region.js");
export const { PreadRegion } =
  await load<typeof import("../../packages/vfio-native/dist/pread-region.js")>("pread-region.js");
export const { DeviceAccess } =
  await load<typeof import("../../packages/vfio-native/dist/device-access.js")>("device-access.js");
export const { EventfdTarget } =
  await load<typeof import("../../packages/vfio-native/dist/eventfd-target.js")>("eventfd-target.js");
export const { mapFile } =
  await load<typeof import("../../packages/vfio-native/dist/mapping.js")>("mapping.js");
export const { loadNative } =
  await load<typeof import("../../packages/vfio-native/dist/native.js")>("native.js");
export const uapi = await load<typeof import("../../packages/vfio-native/dist/uapi/vfio.js")>("uapi/vfio.js");
export const { StructRecord } =
  await load<typeof import("../../packages/vfio-native/dist/struct-record.js")>("struct-record.js");
