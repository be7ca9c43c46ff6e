import { PciError } from "@userpci/interface";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Checks what is given as a VF token: the secret that the drivers of a physical function and of its virtual ones share
 * (row R22).
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function checkVfToken(token: string | undefined): void {
  if (token === undefined || UUID.test(token)) return;
  throw new PciError("ERR_INVALID_ARGUMENT", `a VF token is a UUID, not ${JSON.stringify(token)}`, {
    hint: "for example 14d63f20-8445-11ea-8900-1f9ce7d5650d",
  });
}

/** A token as the 16 bytes that the kernel takes: in the order in which it is written (`uuid_t`). */
export function vfTokenBytes(token: string): Uint8Array<ArrayBuffer> {
  checkVfToken(token);
  const bytes = new Uint8Array(new ArrayBuffer(16));
  bytes.set(Buffer.from(token.replaceAll("-", ""), "hex"));
  return bytes;
}

/** Why the kernel refused to open a device that shares a token with others (`vfio_pci_validate_vf_token`). */
export function tokenMismatch(address: string, token: string | undefined): { message: string; hint: string } {
  return {
    message: `${address} shares a token with its physical or virtual functions, and ${token === undefined ? "no VF token was given" : "the VF token is wrong"}`,
    hint: "pass { vfToken } with the UUID that the driver of the physical function was opened with",
  };
}

/** What the kernel says of a token that is not wanted. */
export function unwantedToken(address: string, token: string | undefined): { message: string; hint: string } {
  return {
    message: `the kernel refused to open ${address}${token === undefined ? "" : " with a VF token"}`,
    hint: "a VF token is a UUID, for a virtual function or a physical function with virtual ones only",
  };
}
