/**
 * Run as a process: binds the functions of `killedAt`, freezes the binding of each at its point, and is killed when all are
 * there.
 */
import { constants } from "node:fs";
import { chmod, chown, readFile, writeFile } from "node:fs/promises";
import { bindOn } from "../../../packages/sysfs/dist/bind.js";
import { kernelOf } from "../../../packages/sysfs/dist/kernel.js";
import { identify } from "../../../packages/sysfs/dist/process-identity.js";
import { USER } from "../machines.ts";
import { killedAt } from "./places.ts";

type Kernel = ReturnType<typeof kernelOf>;

/** The running kernel, until the change with this number. Writes in this process, which saves the time of starting another. */
function kernelUntil(number: number, when: "before" | "after", reached: () => void): Kernel {
  let left = number;
  const change = async (act: () => Promise<void>) => {
    const isLast = left-- === 0;
    if (!isLast || when === "after") await act();
    if (!isLast) return;
    reached();
    await new Promise(() => {});
  };
  const kernel = kernelOf({});
  return {
    start: async () => ({
      identity: identify(process.pid)!,
      ended: false,
      read: (path) => readFile(path, "utf8"),
      write: (path, text) => change(() => writeFile(path, text, { flag: constants.O_WRONLY })),
      close: () => {},
    }),
    refusal: (path, command) => kernel.refusal(path, command),
    own: (path, { uid, gid, mode }) => change(() => chown(path, uid, gid).then(() => chmod(path, mode))),
    loadModule: (name) => kernel.loadModule(name),
    reloadRules: () => kernel.reloadRules(),
  };
}

const points = killedAt.map(
  ({ address, change, when }) =>
    new Promise<void>((reached, failed) => {
      const kernel = kernelUntil(change, when, reached);
      bindOn(kernel, address, { user: USER }).then(
        () => failed(new Error(`${address} was bound: it has no change ${change}`)),
        failed,
      );
    }),
);
await Promise.all(points);
process.kill(process.pid, "SIGKILL");
