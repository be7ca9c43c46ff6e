import { checkMethods, PciError, regionIndex } from "@userpci/interface";
import type { DeviceModel, ModelDevice, ModelInstance, ResetCause } from "../model.ts";
import { BarMemories } from "./bar-memories.ts";
import { BarRegion } from "./bar-region.ts";
import { DeviceConfig } from "./device-config.ts";
import { HostDma } from "./dma.ts";
import { noteError } from "./error-report.ts";
import { type FaultHandler, guarded, throwLater } from "./fault.ts";
import { barNumbers, describeFunction, type FunctionDescription } from "./function-description.ts";
import type { HostRegion } from "./host-region.ts";
import type { HostOptions } from "./hosted-function.ts";
import { IrqControl } from "./irq-control.ts";
import { romRegion } from "./rom-region.ts";
import { Scheduler } from "./scheduler.ts";

/** A model and what the host adds to make a device of it: everything beneath the rules for users. */
export class Hardware implements Disposable {
  readonly name: string;
  readonly description: FunctionDescription;
  readonly config: DeviceConfig;
  readonly memories: BarMemories;
  readonly irqs: IrqControl;
  readonly scheduler: Scheduler;
  readonly instance: ModelInstance;
  /** By number; those of the BARs and the ROM that are there. */
  readonly regions: readonly (HostRegion | undefined)[];
  readonly #vpd: Uint8Array;
  readonly #onFault: FaultHandler;
  /** Looks for what drivers have written to memory; undefined if the model has nothing to look for, or is being made. */
  #poll: (() => boolean) | undefined;

  /** @throws PciError see `hostFunction` */
  constructor(model: DeviceModel, options: HostOptions) {
    const { time = "virtual", onFault = throwLater } = options;
    this.name = model.name;
    this.#onFault = onFault;
    this.#vpd = model.vpd ?? new Uint8Array();
    this.description = describeFunction(model);
    const { space, vectors, isExpress } = this.description;
    this.config = new DeviceConfig(space);
    this.irqs = new IrqControl({ config: this.config, vectors, reportsErrors: isExpress });
    this.scheduler = new Scheduler({ virtual: time === "virtual", onFault, poll: () => this.#poll });
    this.memories = new BarMemories(model, options);
    try {
      this.regions = this.#makeRegions(model, options);
      this.instance = checkInstance(model, model.create(this.#deviceFor(model, options)));
      for (const number of barNumbers) {
        const region = this.regions[number];
        if (region instanceof BarRegion) region.handler = this.instance.bars?.[number];
      }
    } catch (error) {
      this.memories.close();
      throw error;
    }
    if (this.instance.poll !== undefined)
      this.#poll = () => guarded(onFault, false, () => this.instance.poll!());
    this.config.listener = {
      written: () => this.irqs.refresh(),
      powerStateChanged: (from, to) => {
        if (from === 3 && to === 0 && this.description.resetsFromD3) this.reset("power-state");
      },
    };
    this.reset("power-on");
  }

  /** Resets the device: the host's part of it, and then the model's. What users have connected stays. */
  reset(cause: ResetCause): void {
    this.scheduler.endAll();
    this.config.reset();
    this.irqs.reset();
    this.memories.clear();
    guarded(this.#onFault, undefined, () => this.instance.reset(cause));
  }

  /** 32 bits of the vital product data; undefined behind its end. */
  vpdAt(address: number): number | undefined {
    if (address >= this.#vpd.length) return undefined;
    const bytes = new Uint8Array(4);
    bytes.set(this.#vpd.subarray(address, address + 4));
    return new DataView(bytes.buffer).getUint32(0, true);
  }

  [Symbol.dispose](): void {
    this.irqs.disableAll();
    this.scheduler.close();
    this.memories.close();
  }

  #makeRegions(model: DeviceModel, { msixTable = "refuse" }: HostOptions): (HostRegion | undefined)[] {
    const { msix, romSize } = this.description;
    const regions: (HostRegion | undefined)[] = barNumbers.map((number) => {
      const bar = model.bars?.[number];
      if (bar === undefined) return undefined;
      return new BarRegion({
        number,
        bar,
        msix,
        msixTable,
        config: this.config,
        memories: this.memories,
        pendingBits: this.irqs.pendingBits,
        onFault: this.#onFault,
      });
    });
    if (romSize > 0) regions[regionIndex.rom] = romRegion(model.rom!, romSize, this.config);
    return regions;
  }

  #deviceFor(model: DeviceModel, { dma: port }: HostOptions): ModelDevice {
    const { config, irqs, memories, scheduler } = this;
    return {
      name: model.name,
      config: config.own,
      get busMaster() {
        return config.busMaster;
      },
      dma: new HostDma({ name: model.name, port, config, addressBits: addressBitsOf(model) }),
      interrupts: {
        get mode() {
          return irqs.mode;
        },
        get vectors() {
          return irqs.vectors;
        },
        setLine: (asserted) => irqs.line.assert(asserted),
        signal: (vector) => irqs.signal(vector),
      },
      time: scheduler,
      memory: (bar, index = 0) => memories.bytes(bar, index),
      run: (task) => scheduler.run(task),
      reportError: (error) => {
        if (noteError(config, error)) irqs.report("err");
      },
    };
  }
}

function addressBitsOf({ name, addressBits = 64 }: DeviceModel): number {
  if (Number.isInteger(addressBits) && addressBits >= 1 && addressBits <= 64) return addressBits;
  throw new PciError("ERR_OUT_OF_RANGE", `${name} cannot drive ${addressBits} address bits`, {
    hint: "give `addressBits` as an integer from 1 to 64",
  });
}

/** @throws PciError `ERR_INVALID_ARGUMENT` for what does not behave as a device */
function checkInstance({ name }: DeviceModel, instance: ModelInstance): ModelInstance {
  const what = `what create() of ${name} returns`;
  checkMethods(
    what,
    instance,
    ["reset"],
    "return { bars: { 0: handler }, reset() { … } }, see ModelInstance",
  );
  for (const number of barNumbers) {
    const handler = instance.bars?.[number];
    if (handler === undefined) continue;
    checkMethods(
      `BAR ${number} of ${what}`,
      handler,
      ["read", "write"],
      "return a register bank, or an AccessHandler",
    );
  }
  return instance;
}
