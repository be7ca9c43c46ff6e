import { type KernelBackend, vfioCdev, vfioGroup } from "@userpci/vfio-native";

/** The kernel backends by name. */
const kernelBackends = { "vfio-group": vfioGroup, "vfio-cdev": vfioCdev } as const;

/** The machine that has a backend, for one of Debian's kernel, which does not have all. */
export function machineOf(backend: BackendName, machine = "main"): string {
  const iommufd: Readonly<Record<string, string>> = {
    main: "iommufd",
    functions: "iommufdFunctions",
    unplug: "iommufdUnplug",
    pulled: "iommufdPulled",
  };
  return backend === "vfio-cdev" ? (iommufd[machine] ?? machine) : machine;
}

/** Name of one of {@link kernelBackends}. */
export type BackendName = keyof typeof kernelBackends;

/** The backend that a suite runs on: `USERPCI_BACKEND`, which `openDevice` obeys too. */
export const backendName = (process.env["USERPCI_BACKEND"] ?? "vfio-group") as BackendName;

/** A new instance of that backend. */
export const kernelBackend = (): KernelBackend => kernelBackends[backendName]();
