import type { Bench, Limit } from "../bench.ts";
import { Counterpart, roundAfresh } from "../counterpart.ts";
import {
  type Access,
  client,
  clientInC,
  kernelClient,
  type MappedAccess,
  type Processors,
  type ServerKind,
  ServerProcess,
} from "../vfio-user/ends.ts";

/** An access by one of the clients to one of the servers, measured beside C with C. */
interface Pair {
  readonly name: string;
  readonly access: Access;
  /** Default: ours. */
  readonly client?: "C";
  readonly server: ServerKind;
  /** Default `apart`. */
  readonly processors?: Processors;
  readonly limits?: readonly Limit[];
}

const atMost = (times: number): readonly Limit[] => [{ of: "C", atMost: times }];

/**
 * A row with a processor for each end, as for interrupts, where most of the time is what waking the other takes; and one with both
 * on one processor, which shows the programs alone.
 */
function both(name: string, access: Access, server: ServerKind, limit?: number): Pair[] {
  const limits = limit === undefined ? [] : atMost(limit);
  return [
    { name, access, server, limits },
    { name: `${name}, ${TOGETHER}`, access, server, processors: "together" },
  ];
}

const LOOP = "server on the event loop";
const TOGETHER = "on one processor";
const KERNEL_BAR = "kernel's BAR";

const pairs: readonly Pair[] = [
  ...both("vfio-user read, both blocking", "read", "blocking", 1.25),
  ...both("vfio-user write, both blocking", "write", "blocking", 1.25),
  ...both(`vfio-user read, ${LOOP}`, "read", "loop", 1.5),
  ...both(`vfio-user write, ${LOOP}`, "write", "loop", 1.5),
  { name: "vfio-user posted write", access: "posted", server: "loop", limits: atMost(1.5) },
  { name: "vfio-user posted write, until the device has it", access: "arrival", server: "blocking" },
  ...both("vfio-user posted doorbell to interrupt event", "event", "blocking", 1.4),
  ...both("vfio-user posted doorbell to waitSync", "wait", "blocking"),
  {
    name: `vfio-user read, the server in C, ${TOGETHER}`,
    access: "read",
    server: "C",
    processors: "together",
  },
  {
    name: `vfio-user write, the server in C, ${TOGETHER}`,
    access: "write",
    server: "C",
    processors: "together",
  },
  {
    name: `vfio-user read, the client in C, ${TOGETHER}`,
    access: "read",
    client: "C",
    server: "blocking",
    processors: "together",
  },
  {
    name: `vfio-user write, the client in C, ${TOGETHER}`,
    access: "write",
    client: "C",
    server: "blocking",
    processors: "together",
  },
];

/** An access to memory that both ends have mapped. */
interface Mapped {
  readonly name: string;
  readonly access: MappedAccess;
  /** At most so many times what it takes in C. */
  readonly timesC: number;
}

const mapped: readonly Mapped[] = [
  { name: "vfio-user mapped register write, 32 bits", access: "mapped-write", timesC: 2 },
  { name: "vfio-user mapped register read, 32 bits", access: "mapped-read", timesC: 18 },
];

/** Accesses to a device in another process; each end of ours with the other's in C; memory that both have mapped. */
export async function vfioUserRows(bench: Bench): Promise<void> {
  for (const pair of pairs) await pairRow(bench, pair);
  for (const access of mapped) {
    await mappedRow(bench, access);
    await besideKernelRow(bench, access);
  }
}

/** A row, whose C with C has processes of its own. */
async function pairRow(bench: Bench, pair: Pair): Promise<void> {
  const { name, access, processors = "apart", limits = [] } = pair;
  if (!bench.wants(name)) return;
  await using server = await ServerProcess.start(pair.server, processors);
  await using serverInC = await ServerProcess.start("C", processors);
  const argv = pair.client === "C" ? clientInC(server.path, access) : client(server.path, access);
  await using rounds = new Counterpart(argv);
  await bench.row({
    name,
    typescript: () => rounds.round(),
    c: clientInC(serverInC.path, access),
    limits,
  });
}

/** A row beside C. */
async function mappedRow(bench: Bench, { name, access, timesC }: Mapped): Promise<void> {
  if (!bench.wants(name)) return;
  await using server = await ServerProcess.start("ram", "apart");
  await using rounds = new Counterpart(client(server.path, access));
  const c = ["registers", access === "mapped-read" ? "read32" : "write32"];
  await bench.row({ name, typescript: () => rounds.round(), c, limits: atMost(timesC) });
}

/**
 * A row beside a BAR of the kernel's: it shall cost the same. Each round has clients of its own, since V8 does not compile such a
 * loop alike in every process.
 */
async function besideKernelRow(bench: Bench, { name: alone, access }: Mapped): Promise<void> {
  const name = `${alone}, beside a BAR of the kernel's`;
  if (!bench.wants(name)) return;
  await using server = await ServerProcess.start("ram", "apart");
  await bench.row({
    name,
    typescript: () => roundAfresh(client(server.path, access)),
    reference: { name: KERNEL_BAR, round: () => roundAfresh(kernelClient(access)) },
    limits: [{ of: KERNEL_BAR, atMost: 1.1 }],
  });
}
