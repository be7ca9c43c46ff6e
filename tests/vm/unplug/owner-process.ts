import { fileURLToPath } from "node:url";
import type { Vm, VmProcess } from "@userpci/testbed";
import type { ReleasePolicy } from "userpci";
import { vi } from "vitest";
import type { BackendName } from "../harness/backend.ts";
import { compiled } from "../harness/guest-code.ts";
import { USER } from "../machines.ts";
import type { OpenOrder, Order, Work } from "./owner.ts";

const OWNER = compiled(fileURLToPath(new URL("./owner.ts", import.meta.url)));

/** The process of the ordinary user that has all devices: it takes seconds to start, so there is not one for each. */
export class OwnerProcess {
  readonly #process: VmProcess;
  #output = "";
  #errors = "";

  constructor(vm: Vm, backend: BackendName) {
    this.#process = vm.spawn(["node", OWNER], {
      user: String(USER),
      stdin: true,
      env: { USERPCI_BACKEND: backend },
    });
    this.#process.stdout.on("data", (chunk: Uint8Array) => {
      this.#output += String(chunk);
    });
    this.#process.stderr.on("data", (chunk: Uint8Array) => {
      this.#errors += String(chunk);
    });
  }

  order(order: Order): void {
    this.#process.stdin.write(`${JSON.stringify(order)}\n`);
  }

  /** Opens a device, which is then ready. */
  open(name: string, address: string, work: Work, release?: ReleasePolicy): Promise<void> {
    return this.start({ open: address, name, work, ...(release && { release }) });
  }

  /** {@link open}, with all that an order has. */
  async start(order: OpenOrder): Promise<void> {
    const { name } = order;
    const times = this.says(name).filter((line) => line === "ready").length;
    this.order(order);
    await this.#until(name, (lines) => lines.filter((line) => line === "ready").length > times);
  }

  /** What it has said of a device so far. */
  says(name: string): string[] {
    const own = this.#output.split("\n").filter((line) => line.startsWith(`${name}: `));
    return own.map((line) => line.slice(name.length + 2));
  }

  /** Waits until it has said something of a device that begins so. */
  async hears(name: string, text: string): Promise<void> {
    await this.#until(name, (lines) => lines.some((line) => line.startsWith(text)));
  }

  /** What it has said on standard error since it was asked last. */
  takeErrors(): string {
    const taken = this.#errors;
    this.#errors = "";
    return taken;
  }

  async #until(name: string, holds: (lines: string[]) => boolean): Promise<void> {
    const attempt = (): void => {
      const lines = this.says(name);
      if (!holds(lines)) throw new Error(`of ${name} it said only: ${lines.join("; ")}\n${this.#errors}`);
    };
    await vi.waitFor(attempt, { timeout: 30_000, interval: 20 });
  }

  /** Lets it end by itself. Resolves with its exit status. */
  async end(): Promise<number | null> {
    this.#process.stdin.end();
    return (await this.#process.exited).code;
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}
