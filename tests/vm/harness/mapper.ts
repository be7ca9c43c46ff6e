import type { BackendDevice, DmaMapper, IommuDomain } from "@userpci/interface";
import type { KernelBackend } from "@userpci/vfio-native";
import { kernelBackend } from "./backend.ts";

/** A device with the kernel's side of its domain at hand, to get past the domain's own checks. */
export interface WithMapper extends Disposable {
  readonly backend: KernelBackend;
  readonly device: BackendDevice;
  readonly domain: IommuDomain;
  readonly mapper: DmaMapper;
}

/** Opens a device and keeps the mapper that its domain is given. */
export function openWithMapper(address: string): WithMapper {
  const backend = kernelBackend();
  const domain = backend.createDomain();
  const attach = domain.attach.bind(domain);
  let mapper: DmaMapper | undefined;
  domain.attach = (given, name) => {
    mapper = given;
    return attach(given, name);
  };
  const device = backend.openSync(address, { domain });
  return { backend, device, domain, mapper: mapper!, [Symbol.dispose]: () => backend.closeSync() };
}
