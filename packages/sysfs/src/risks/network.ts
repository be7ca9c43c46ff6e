import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import type { PciFunction } from "../function.ts";
import { pathIn, readNames, readText, type TreeOptions } from "../tree.ts";
import { descendants, type Risk } from "./risk.ts";

const ROUTES_4 = "/proc/net/route";
const ROUTES_6 = "/proc/net/ipv6_route";
const TRIE = "/proc/net/fib_trie";

/** A route or an address of the machine. */
export interface Route {
  readonly interface: string;
  /** `default`, or a network such as `10.0.2.0/24`. */
  readonly network: string;
  /** The file that says so. */
  readonly evidence: string;
}

/** Addresses and routes of a function's network interfaces, also through a bond, bridge or VLAN that is made of them. */
export function networkRisks(fn: PciFunction, options: TreeOptions): Risk[] {
  const interfaces = descendants("/sys/class/net", fn, options).flatMap(({ name }) =>
    withUppers(name, options),
  );
  if (interfaces.length === 0) return [];
  const titles = new Map(interfaces.map(({ name, title }) => [name, title]));
  const routes = readRoutes(options).flatMap(({ interface: name, network, evidence }) => {
    const title = titles.get(name);
    if (title === undefined) return [];
    // A network tells its family; `default` is that of IPv4, unless ip is told otherwise.
    const isDefault6 = network === "default" && evidence === ROUTES_6;
    const what =
      network === "default"
        ? `the default route${isDefault6 ? " of IPv6" : ""} leads through ${title}`
        : `${network} is reached through ${title}`;
    const ip = isDefault6 ? "ip -6" : "ip";
    return risk(fn, "route", what, evidence, `sudo ${ip} route del ${network} dev ${name}`);
  });
  const addresses = readAddresses(options).flatMap(({ interface: name, network, evidence }) => {
    const title = titles.get(name);
    if (title === undefined) return [];
    return risk(
      fn,
      "address",
      `${title} has the address ${network}`,
      evidence,
      `sudo ip addr del ${network} dev ${name}`,
    );
  });
  // A default route says most.
  const sorted = routes.sort(
    (a, b) => Number(b.what.startsWith("the default")) - Number(a.what.startsWith("the default")),
  );
  return [...sorted, ...addresses];
}

function risk(
  { address }: PciFunction,
  kind: Risk["kind"],
  what: string,
  evidence: string,
  fix: string,
): Risk {
  return { kind, address, refuses: true, what, evidence, fix };
}

interface Interface {
  readonly name: string;
  /** For people: `bond0 on eth0`. */
  readonly title: string;
}

/** An interface, and those that were made of it (`upper_NAME` links, Documentation/ABI/testing/sysfs-class-net). */
function withUppers(name: string, options: TreeOptions): Interface[] {
  const found = new Map<string, Interface>();
  const add = (each: string, on: string | null) => {
    if (found.has(each)) return;
    const title = on === null ? each : `${each} on ${on}`;
    found.set(each, { name: each, title });
    for (const link of readNames(pathIn(options, join("/sys/class/net", each))))
      if (link.startsWith("upper_")) add(link.slice("upper_".length), title);
  };
  add(name, null);
  return [...found.values()];
}

/** The machine's routes, but link-local, multicast and local ones. */
export function readRoutes(options: TreeOptions): Route[] {
  const text = (path: string) => readText(pathIn(options, path)) ?? "";
  return [...parseRoutes4(text(ROUTES_4)), ...parseRoutes6(text(ROUTES_6))];
}

/** Routes of `/proc/net/route`: numbers in the machine's byte order, which is little-endian wherever VFIO runs. */
export function parseRoutes4(text: string): Route[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", target = "", , flags = "", , , , mask = ""] = line.trim().split(/\s+/);
    const isUp = (Number.parseInt(flags, 16) & 1) !== 0;
    if (!isUp || !/^[0-9a-f]{8}$/i.test(target) || !/^[0-9a-f]{8}$/i.test(mask)) return [];
    const network = `${quad(target)}/${bitsOf(mask)}`;
    // 169.254.0.0/16 leads nowhere that somebody would miss.
    if (network === "169.254.0.0/16") return [];
    return {
      interface: name,
      network: network === "0.0.0.0/0" ? "default" : network,
      evidence: ROUTES_4,
    };
  });
}

/** Routes of `/proc/net/ipv6_route`. */
export function parseRoutes6(text: string): Route[] {
  return text.split("\n").flatMap((line) => {
    const [target = "", bits = "", , , , , , , flags = "", name = ""] = line.trim().split(/\s+/);
    const value = Number.parseInt(flags, 16);
    // RTF_UP; RTF_REJECT and RTF_LOCAL lead nowhere (include/uapi/linux/ipv6_route.h).
    const leads = (value & 1) !== 0 && (value & 0x200) === 0 && (value & 0x8000_0000) === 0;
    if (!leads || !isNetwork(target, bits) || /^(fe[89ab]|ff)/.test(target)) return [];
    const length = Number.parseInt(bits, 16);
    const network = /^0+$/.test(target) && length === 0 ? "default" : `${groups(target)}/${length}`;
    return { interface: name, network, evidence: ROUTES_6 };
  });
}

/** Addresses but link-local ones. Those of IPv4 are in no file with their interfaces: of a copied tree they are found by its routes. */
function readAddresses(options: TreeOptions): Route[] {
  const text = (path: string) => readText(pathIn(options, path)) ?? "";
  const found = parseAddresses6(text("/proc/net/if_inet6"));
  if (options.root !== undefined) return [...parseAddresses4(text(TRIE), text(ROUTES_4)), ...found];
  const live = Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    (list ?? []).flatMap(({ family, cidr }) =>
      family === "IPv4" && cidr !== null && isIP(cidr.split("/")[0]!) === 4
        ? { interface: name, network: cidr, evidence: `ip addr show dev ${name}` }
        : [],
    ),
  );
  return [...live, ...found];
}

/**
 * Addresses of `/proc/net/fib_trie`, each on the interface that reaches its network without a gateway. Left out where several do,
 * or none.
 *
 * @param routes text of `/proc/net/route`
 */
export function parseAddresses4(trie: string, routes: string): Route[] {
  const direct = routes.split("\n").filter((line) => /^\s*\S+\s+\S+\s+0{8}\s/.test(line));
  const networks = parseRoutes4(direct.join("\n")).filter(({ network }) => network !== "default");
  // A leaf has a line for each length: `/32 host LOCAL` is an address of the machine's.
  const leaves = trie.matchAll(/\|-- (\S+)\n(?:\s*\/\d.*\n)*?\s*\/32 host LOCAL/g);
  const addresses = new Set([...leaves].map(([, address]) => address!));
  return [...addresses].flatMap((address) => {
    if (isIP(address) !== 4 || address.startsWith("127.")) return [];
    const [first, second] = networks
      .map(({ interface: name, network }) => ({ name, ...parts(network) }))
      .filter(({ base, bits }) => isWithin(address, base, bits))
      .sort((a, b) => b.bits - a.bits);
    if (first === undefined || (second?.bits === first.bits && second.name !== first.name)) return [];
    return { interface: first.name, network: `${address}/${first.bits}`, evidence: TRIE };
  });
}

function parts(network: string): { readonly base: string; readonly bits: number } {
  const [base = "", bits] = network.split("/");
  return { base, bits: Number(bits) };
}

function isWithin(address: string, base: string, bits: number): boolean {
  const list = new BlockList();
  list.addSubnet(base, bits);
  return list.check(address);
}

/** Addresses of `/proc/net/if_inet6` that others can reach. */
export function parseAddresses6(text: string): Route[] {
  return text.split("\n").flatMap((line) => {
    const [address = "", , bits = "", scope = "", , name = ""] = line.trim().split(/\s+/);
    // Scopes 10 and 20 are the host and the link (include/net/ipv6.h).
    if (!isNetwork(address, bits) || scope === "10" || scope === "20") return [];
    const network = `${groups(address)}/${Number.parseInt(bits, 16)}`;
    return { interface: name, network, evidence: "/proc/net/if_inet6" };
  });
}

function isNetwork(address: string, bits: string): boolean {
  return /^[0-9a-f]{32}$/.test(address) && /^[0-9a-f]{2}$/.test(bits) && Number.parseInt(bits, 16) <= 128;
}

function quad(hexadecimal: string): string {
  return Buffer.from(hexadecimal, "hex").reverse().join(".");
}

function bitsOf(mask: string): number {
  return Number.parseInt(mask, 16).toString(2).replaceAll("0", "").length;
}

/** An IPv6 address as people write it. */
function groups(digits: string): string {
  const parts = digits.match(/.{4}/g)!.map((part) => part.replace(/^0{1,3}/, ""));
  return new URL(`http://[${parts.join(":")}]`).hostname.slice(1, -1);
}
