import { checkChoice, checkInteger, checkNames, checkType } from "@userpci/interface";

/** How {@link vfioUser} talks to a server. */
export interface ClientOptions {
  /**
   * How long one answer may take, in milliseconds, 1 to 600,000. Then the connection is given up: the call throws
   * `ERR_TIMEOUT`, all later ones `ERR_DEVICE_GONE`. Default 5000.
   */
  readonly timeoutMs?: number;
  /**
   * Whether writes to BARs by message are posted (NO_REPLY), as on the bus: they return before the device has them. They stay
   * in order, among themselves and before every later access by message. What the server would have answered is lost, such
   * as that memory decode is off; and they may be overtaken by accesses to mapped regions. `unmapped` posts them only where
   * no BAR of the device can be mapped. Default `never`: a write by message then fails where the kernel's VFIO fails too.
   */
  readonly postedWrites?: "never" | "unmapped" | "always";
  /**
   * Whether the server may have a socket of its own for what it asks of the client. A server that blocks while it asks for
   * memory, as libvfio-user's, needs that to be used with posted writes; register reads then take three system calls more.
   * Default false.
   */
  readonly twinSocket?: boolean;
}

/** {@link ClientOptions} with nothing left out. */
export type CheckedOptions = Required<ClientOptions>;

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` */
export function checkOptions(options: ClientOptions = {}): CheckedOptions {
  checkType("options", options, "object");
  const { timeoutMs = 5000, postedWrites = "never", twinSocket = false } = options;
  const checked = { timeoutMs, postedWrites, twinSocket };
  checkNames("vfioUser", options, checked);
  checkInteger("timeoutMs", timeoutMs, 1, 600_000);
  checkChoice("postedWrites", postedWrites, ["never", "unmapped", "always"]);
  checkType("twinSocket", twinSocket, "boolean");
  return checked;
}
