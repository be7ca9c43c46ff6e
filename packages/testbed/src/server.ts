import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { boot } from "./boot.ts";
import type { SpawnRequest } from "./command.ts";
import { TestbedError, toTestbedError } from "./error.ts";
import { FRAME, type Frame } from "./frame.ts";
import { fromJson, toJson } from "./json.ts";
import { Link, pump } from "./link.ts";
import type { LocalVm } from "./local-vm.ts";
import type { BootOptions } from "./options.ts";
import type { VmProcess } from "./process.ts";
import { Rest } from "./rest.ts";

/** Methods of a machine that clients may call. */
const CALLS = {
  qmp: (vm: LocalVm, args: unknown[]) =>
    vm.qmp(args[0] as string, args[1] as Record<string, unknown> | undefined),
  console: (vm: LocalVm) => vm.console(),
  kernelLog: (vm: LocalVm) => vm.kernelLog(),
  dmaFaults: (vm: LocalVm) => vm.dmaFaults(),
  checkAlive: (vm: LocalVm) => vm.checkAlive(),
} as const;

/** A method name that travels in a `call` frame. */
export type CallName = keyof typeof CALLS;

/** What a client says first. */
export interface Greeting {
  readonly machine: string;
  readonly lane: string;
}

/** One boot of a machine, and how many clients of which lane use it. */
interface Copy {
  lane: string;
  users: number;
  readonly booting: Promise<LocalVm>;
  rest?: Rest;
}

/** A machine in use. `leave` once. */
interface Use {
  readonly vm: LocalVm;
  leave(): void;
}

/**
 * Machines by name, each booted when first asked for and again when it has died, served over a UNIX socket to any number of processes. Clients of one
 * lane share a boot of a machine, and no other lane uses it meanwhile: it gets an idle one, or one more.
 */
export class VmServer {
  readonly #machines: Readonly<Record<string, BootOptions>>;
  readonly #copies = new Map<string, Copy[]>();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #closed = false;

  private constructor(machines: Readonly<Record<string, BootOptions>>) {
    this.#machines = machines;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      new Connection(this, socket);
    });
  }

  /** Serves on a socket path that does not exist yet. No machine boots before a client asks for it. */
  static async listen(path: string, machines: Readonly<Record<string, BootOptions>>): Promise<VmServer> {
    const server = new VmServer(machines);
    server.#server.listen(path);
    await once(server.#server, "listening");
    return server;
  }

  /**
   * @internal
   * A machine of that name for a lane, booted if none is idle.
   * @throws TestbedError ERR_TESTBED_ARGUMENT for an unknown name, or what `boot` throws.
   */
  async enter(name: string, lane: string): Promise<Use> {
    const options = Object.hasOwn(this.#machines, name) ? this.#machines[name] : undefined;
    if (!options) {
      const known = Object.keys(this.#machines).join(", ");
      throw new TestbedError(
        "ERR_TESTBED_ARGUMENT",
        `no machine is called ${JSON.stringify(name)}; known: ${known}`,
      );
    }
    for (;;) {
      if (this.#closed) throw new TestbedError("ERR_TESTBED_CLOSED", "the machines' server was closed");
      const copies = this.#copiesOf(name);
      const copy =
        copies.find((each) => each.lane === lane) ??
        copies.find((each) => each.users === 0) ??
        this.#start(copies, lane, options);
      copy.lane = lane;
      copy.users += 1;
      const vm = await copy.booting;
      copy.rest ??= new Rest(vm);
      const { rest } = copy;
      await rest.end();
      const leave = (): void => {
        copy.users -= 1;
        if (copy.users === 0) rest.begin();
      };
      if (!vm.failure) return { vm, leave };
      // Dead since its last use. Two clients may find it so: whoever comes second takes the first one's new boot.
      remove(copies, copy);
    }
  }

  #copiesOf(name: string): Copy[] {
    const copies = this.#copies.get(name) ?? [];
    this.#copies.set(name, copies);
    return copies;
  }

  #start(copies: Copy[], lane: string, options: BootOptions): Copy {
    const copy = { lane, users: 0, booting: boot(options) as Promise<LocalVm> };
    copies.push(copy);
    copy.booting.catch(() => remove(copies, copy));
    return copy;
  }

  /** Ends all machines; the next client boots them again. */
  async closeMachines(): Promise<void> {
    const booted = [...this.#copies.values()].flat();
    this.#copies.clear();
    await Promise.all(booted.map(({ booting }) => booting.then((vm) => vm.close()).catch(() => {})));
  }

  /** Ends everything. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await this.closeMachines();
  }
}

function remove(copies: Copy[], copy: Copy): void {
  const index = copies.indexOf(copy);
  if (index >= 0) copies.splice(index, 1);
}

/** One client. Its commands die with it. */
class Connection {
  readonly #server: VmServer;
  readonly #link: Link;
  readonly #processes = new Map<number, VmProcess>();
  #use: Use | undefined;
  #gone = false;

  constructor(server: VmServer, socket: Socket) {
    this.#server = server;
    this.#link = new Link(socket, socket, {
      onFrame: (frame) => this.#receive(frame),
      onClose: () => {
        for (const process of this.#processes.values()) process.kill("SIGKILL");
        this.#gone = true;
        this.#use?.leave();
      },
    });
  }

  #receive({ type, id, payload }: Frame): void {
    if (type === FRAME.hello) void this.#greet(payload.toString());
    else if (type === FRAME.spawn) void this.#spawn(id, JSON.parse(payload.toString()) as SpawnRequest);
    else if (type === FRAME.call) void this.#call(id, payload.toString());
    else if (type === FRAME.stdin) this.#processes.get(id)?.stdin.write(payload);
    else if (type === FRAME.stdinEnd) this.#processes.get(id)?.stdin.end();
    else if (type === FRAME.kill) this.#processes.get(id)?.kill(payload.toString() as NodeJS.Signals);
  }

  async #greet(text: string): Promise<void> {
    try {
      const { machine, lane } = JSON.parse(text) as Greeting;
      const use = await this.#server.enter(machine, lane);
      if (this.#gone) return use.leave();
      this.#use = use;
      await this.#link.sendJson(FRAME.ready, 0, use.vm.exchange);
    } catch (error) {
      await this.#refuse(0, error);
    }
  }

  async #spawn(id: number, request: SpawnRequest): Promise<void> {
    try {
      const process = this.#machine().spawnRaw(request);
      this.#processes.set(id, process);
      const output = [
        pump(process.stdout, this.#link, FRAME.stdout, id),
        pump(process.stderr, this.#link, FRAME.stderr, id),
      ];
      const status = await process.exited;
      await Promise.all(output);
      await this.#link.sendJson(FRAME.exit, id, status);
    } catch (error) {
      await this.#refuse(id, error);
    } finally {
      this.#processes.delete(id);
    }
  }

  async #call(id: number, text: string): Promise<void> {
    try {
      const { method, args } = fromJson(text) as { method: CallName; args: unknown[] };
      if (!Object.hasOwn(CALLS, method))
        throw new TestbedError("ERR_TESTBED_PROTOCOL", `no method ${method}`);
      await this.#link.send(FRAME.result, id, toJson(await CALLS[method](this.#machine(), args)));
    } catch (error) {
      await this.#refuse(id, error);
    }
  }

  #machine(): LocalVm {
    if (this.#use) return this.#use.vm;
    throw new TestbedError("ERR_TESTBED_PROTOCOL", "a request came before the greeting was answered");
  }

  #refuse(id: number, error: unknown): Promise<void> {
    return this.#link.sendJson(FRAME.failed, id, toTestbedError(error, "ERR_TESTBED_PROTOCOL"));
  }
}
