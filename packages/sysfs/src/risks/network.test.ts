import { join } from "node:path";
import { expect, it } from "vitest";
import { openSnapshot, writeSnapshot } from "../snapshot/index.ts";
import { NIC, useFakeSystem } from "../testing/fake-system.ts";
import { writeLink, writeMachine } from "../testing/machine.ts";
import { findRisks } from "./find-risks.ts";
import { parseAddresses4 } from "./network.ts";

const system = useFakeSystem();
/** Directory of the function in the device tree. */
const DEVICE = `/sys/devices/pci0000:01/${NIC}`;

it("IPv4 addresses of a copy are risks, on the interfaces that reach their networks", async () => {
  writeLink(system().root, "/sys/class/net/eth0", `${DEVICE}/net/eth0`);
  const leaf = (address: string, ...lines: string[]) =>
    [`     |-- ${address}`, ...lines.map((line) => `        /${line}`)].join("\n");
  const files = {
    [`${DEVICE}/net/eth0/address`]: "\n",
    "/proc/net/route": [
      "eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0",
      "eth1\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0",
      "eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
    ].join("\n"),
    "/proc/net/fib_trie": [
      leaf("127.0.0.1", "32 host LOCAL"),
      leaf("10.0.2.0", "24 link UNICAST"),
      leaf("10.0.2.15", "24 link UNICAST", "32 host LOCAL"),
      leaf("10.0.2.255", "32 link BROADCAST"),
      leaf("10.9.0.1", "32 host LOCAL"),
      leaf("203.0.113.9", "32 host LOCAL"),
      leaf("10.0.2.15", "24 link UNICAST", "32 host LOCAL"),
    ].join("\n"),
  };
  writeMachine(system().root, { functions: [], files });
  const path = join(system().root, "copy.tar");
  await writeSnapshot(path, system());
  using copy = openSnapshot(path);
  const addresses = (await findRisks(NIC, { root: copy.root })).filter(({ kind }) => kind === "address");
  expect(addresses).toMatchObject([
    { what: "eth0 has the address 10.0.2.15/24", evidence: "/proc/net/fib_trie" },
  ]);
  const both = "eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\n";
  expect(parseAddresses4(leaf("10.0.2.15", "32 host LOCAL"), both + both.replace("eth0", "eth1"))).toEqual(
    [],
  );
});
