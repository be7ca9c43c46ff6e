import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { boot, progressToStderr, type Vm } from "@userpci/testbed";
import { type Child, startNode } from "../../harness/child.ts";
import { servedAt } from "../places.ts";

/** It runs from what `npm run build` made: what it uses has no place in the guest's bundles. */
const compiledServer = new URL("../../../dist/vm/vfio-user/host/serve.js", import.meta.url);

/** A machine with our models, and the process of the host that serves them. */
export class ServedMachine implements AsyncDisposable {
  readonly vm: Vm;
  readonly server: Child;
  readonly #folder: string;
  #complaints = "";

  private constructor(vm: Vm, server: Child, folder: string) {
    this.vm = vm;
    this.server = server;
    this.#folder = folder;
    server.process.stderr!.on("data", (text: string) => {
      this.#complaints += text;
    });
  }

  /** What the server has said to be wrong: faults of models, and clients that did not just go. */
  get complaints(): string {
    return this.#complaints;
  }

  /** Starts the server, then the machine: QEMU connects while it boots. */
  static async boot(): Promise<ServedMachine> {
    const folder = await mkdtemp(join(tmpdir(), "userpci-served-"));
    const server = startNode(compiledServer, [folder]);
    try {
      await server.line();
      const sockets = Object.keys(servedAt).map((name) => join(folder, `${name}.sock`));
      const vm = await boot({
        memory: "1G",
        devices: ["edu", ...sockets.map((path) => `vfio-user-pci,socket=${path}`)],
        onProgress: (line) => progressToStderr(`vfio-user: ${line}`),
      });
      return new ServedMachine(vm, server, folder);
    } catch (error) {
      server[Symbol.dispose]();
      await rm(folder, { recursive: true });
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.vm.close();
    this.server[Symbol.dispose]();
    await this.server.ended;
    await rm(this.#folder, { recursive: true });
  }
}
