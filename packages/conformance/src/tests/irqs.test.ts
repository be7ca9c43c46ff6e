import { type Backend, type BackendDevice, type IrqKind, irqKinds } from "@userpci/interface";
import { expect, it } from "vitest";
import type { Subject } from "../subject.ts";
import { Trial } from "../trial.ts";
import { irqTests } from "./irqs.ts";

const test = irqTests["a function has the vectors that it has"]!;

/** A trial of a device that says of INTx what the kernel does, whether it has one or not. */
function trialWith(intx: number, masked = true): Trial {
  const vectors = Object.fromEntries(irqKinds.map((kind) => [kind, kind === "intx" ? intx : 1]));
  const irqInfo = (kind: IrqKind) => {
    const isIntx = kind === "intx";
    return { count: vectors[kind], autoMasked: isIntx && masked, maskable: isIntx && masked };
  };
  const device = { irqInfo } as unknown as BackendDevice;
  const backend = { open: async () => device, close: async () => undefined } as unknown as Backend;
  return new Trial({ backend: "mine", create: () => backend, main: { vectors } } as unknown as Subject, []);
}

it("a function without INTx may say what it likes of its masking", async () => {
  await expect(test(trialWith(0))).resolves.toBeUndefined();
  await expect(test(trialWith(0, false))).resolves.toBeUndefined();
});

it("INTx is masked when it fires", async () => {
  await expect(test(trialWith(1))).resolves.toBeUndefined();
  await expect(test(trialWith(1, false))).rejects.toThrow("intx is masked when it fires");
});
