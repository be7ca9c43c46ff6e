import { HEADER_SIZE } from "../header.ts";
import type { LspciDevice } from "./device.ts";
import { identityOf } from "./identity.ts";

const CLASS_BRIDGE = 0x06;

/** A bus and the functions on it. */
export interface Bus {
  readonly domain: number;
  readonly number: number;
  readonly nodes: DeviceNode[];
}

/** A function in its place. */
export interface DeviceNode {
  readonly device: LspciDevice;
  /** What is behind it, if it is a bridge. */
  readonly bridge: Bridge | undefined;
  /** The bridge that its bus is behind; a host has no function. */
  readonly parent: Bridge;
}

/** A bridge, or the host of a domain, which has no function and all bus numbers. */
export interface Bridge {
  readonly domain: number;
  readonly secondary: number;
  readonly subordinate: number;
  readonly buses: Bus[];
  node: DeviceNode | undefined;
}

/** How functions are connected. */
export interface Topology {
  /** One for each domain. */
  readonly hosts: readonly Bridge[];
  /** The place of each function. */
  readonly nodes: ReadonlyMap<LspciDevice, DeviceNode>;
}

/**
 * Finds out how functions are connected, by the bus numbers of their bridges.
 *
 * @param devices in the order of their addresses
 */
export function topologyOf(devices: readonly LspciDevice[], busCentric: boolean): Topology {
  const bridges = new Map<LspciDevice, Bridge>();
  const hosts = new Map<number, Bridge>();
  for (const device of devices) {
    const { domain } = device.address;
    if (!hosts.has(domain)) hosts.set(domain, newBridge(domain, 0, 0xff));
    const bridge = bridgeOf(device, busCentric);
    if (bridge) bridges.set(device, bridge);
  }
  for (const bridge of bridges.values()) {
    bridge.buses.push({ domain: bridge.domain, number: bridge.secondary, nodes: [] });
  }
  const nodes = new Map<LspciDevice, DeviceNode>();
  for (const device of devices) {
    const { domain, bus } = device.address;
    const parent = leading([...bridges.values()], domain, bus) ?? hosts.get(domain)!;
    const node = { device, bridge: bridges.get(device), parent };
    if (node.bridge) node.bridge.node = node;
    busOf(parent, bus).nodes.push(node);
    nodes.set(device, node);
  }
  return { hosts: [...hosts.values()].sort((a, b) => a.domain - b.domain), nodes };
}

function newBridge(domain: number, secondary: number, subordinate: number): Bridge {
  return { domain, secondary, subordinate, buses: [], node: undefined };
}

/** What a device leads to; a header that is not whole is none of a bridge. */
function bridgeOf(device: LspciDevice, busCentric: boolean): Bridge | undefined {
  const { bytes, address } = device;
  const layout = bytes[0x0e]! & 0x7f;
  const isBridge = identityOf(device, busCentric).classCode >>> 8 === CLASS_BRIDGE;
  if (bytes.length < HEADER_SIZE || !isBridge || (layout !== 1 && layout !== 2)) return undefined;
  return newBridge(address.domain, bytes[0x19]!, bytes[0x1a]!);
}

/** The last of the bridges that lead to a bus: inner ones have higher addresses. */
function leading(bridges: readonly Bridge[], domain: number, bus: number): Bridge | undefined {
  return bridges.findLast(
    (bridge) => bridge.domain === domain && bridge.secondary <= bus && bus <= bridge.subordinate,
  );
}

/** The bus of a number behind a bridge, made where no bridge leads to it. */
function busOf(bridge: Bridge, number: number): Bus {
  const own = bridge.buses.find((bus) => bus.number === number);
  if (own) return own;
  const made = { domain: bridge.domain, number, nodes: [] };
  bridge.buses.push(made);
  return made;
}

/** The functions of the bridges that lead to a function, the outermost first. */
export function pathTo(node: DeviceNode): readonly LspciDevice[] {
  const path: LspciDevice[] = [];
  const seen = new Set<DeviceNode>();
  for (let at = node.parent.node; at && !seen.has(at); at = at.parent.node) {
    seen.add(at);
    path.unshift(at.device);
  }
  return path;
}
