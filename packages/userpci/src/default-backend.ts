import { accessSync, constants } from "node:fs";
import { type Backend, isPciError, PciError } from "@userpci/interface";
import { deviceNodes, findFunction } from "@userpci/sysfs";
import { vfioCdev, vfioGroup } from "@userpci/vfio-native";
import { vfioUser } from "@userpci/vfio-user/client";

/** Backends that `USERPCI_BACKEND` may name. */
const makers: Readonly<Record<string, () => Backend>> = {
  "vfio-cdev": () => vfioCdev(),
  "vfio-group": vfioGroup,
  "vfio-user": () => vfioUser(),
};

/** The backends of all devices opened without one, by name: what the kernel shares has one owner in a process. */
const shared = new Map<string, Backend>();

/**
 * The backend for a function that is opened without one: vfio-user for the path of a socket, which has a slash or begins with `@`; for a PCI address
 * iommufd where this user can open both nodes that it takes, else the container. The environment variable `USERPCI_BACKEND` overrides that.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` if the variable names none
 */
export function defaultBackend(address: string): Backend {
  const name = process.env["USERPCI_BACKEND"] ?? usualName(address);
  const make = Object.hasOwn(makers, name) ? makers[name] : undefined;
  if (make === undefined) {
    throw new PciError("ERR_INVALID_ARGUMENT", `USERPCI_BACKEND names no backend: ${name}`, {
      hint: `one of ${Object.keys(makers).join(", ")}, or unset it`,
    });
  }
  const backend = shared.get(name) ?? make();
  shared.set(name, backend);
  return backend;
}

function usualName(address: string): string {
  if (address.includes("/") || address.startsWith("@")) return "vfio-user";
  return hasIommufd(address) ? "vfio-cdev" : "vfio-group";
}

function hasIommufd(address: string): boolean {
  try {
    const { device, iommu } = deviceNodes(findFunction(address));
    return device !== null && iommu !== null && mayOpen(device) && mayOpen(iommu);
  } catch (error) {
    // Why it cannot be found is for the backend to say.
    if (isPciError(error)) return false;
    throw error;
  }
}

function mayOpen(node: string): boolean {
  try {
    accessSync(node, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
