import type { LspciDevice } from "./device.ts";
import type { DeviceFilter } from "./filter.ts";
import { identityOf } from "./identity.ts";
import { hex } from "./line.ts";
import { sortDevices } from "./list.ts";
import { deviceName } from "./names.ts";
import type { LspciOptions } from "./options.ts";
import { type Bridge, type Bus, type DeviceNode, topologyOf } from "./topology.ts";

/** The tree of all buses, as `lspci -t` draws it. Of a filtered one, what leads to and from the wanted functions. */
export function treeText(
  devices: readonly LspciDevice[],
  options: LspciOptions,
  filter?: DeviceFilter,
): string {
  const { hosts } = topologyOf(sortDevices(devices), options.busCentric);
  const drawing = new Drawing(options, filter);
  return hosts.map((host) => drawing.host(host)).join("");
}

/** Draws line by line: what stands to the left of a line is repeated below it, as blanks or as the stem of a list. */
class Drawing {
  readonly #options: LspciOptions;
  readonly #filter: DeviceFilter | undefined;
  /** Bridges that are being drawn, against bridges that lead back to themselves. */
  readonly #open = new Set<Bridge>();

  constructor(options: LspciOptions, filter: DeviceFilter | undefined) {
    this.#options = options;
    this.#filter = filter;
  }

  host(host: Bridge): string {
    return `${this.#buses(host, false, "-", " ")}\n`;
  }

  /** Lines behind a bridge, from after `text` on; `indent` replaces `text` on all lines but the first. */
  #buses(bridge: Bridge, wanted: boolean, text: string, indent: string): string {
    const shown = bridge.buses.filter((bus) => wanted || !this.#filter || this.#hasWanted(bus));
    return this.#list(shown, text, indent, (bus, before, below) => {
      const label = `[${hex(bus.domain, 4)}:${hex(bus.number, 2)}]-`;
      return this.#nodes(bus, wanted, `${before}${label}`, below + " ".repeat(label.length));
    });
  }

  #nodes(bus: Bus, wanted: boolean, text: string, indent: string): string {
    const shown = bus.nodes.filter((node) => wanted || this.#isShown(node));
    if (shown.length === 1) return this.#node(shown[0]!, wanted, `${text}--`, `${indent}  `);
    return this.#list(shown, text, indent, (node, before, below) => this.#node(node, wanted, before, below));
  }

  #list<T>(
    items: readonly T[],
    text: string,
    indent: string,
    draw: (item: T, text: string, indent: string) => string,
  ): string {
    if (items.length === 0) return text;
    if (items.length === 1) return draw(items[0]!, text, indent);
    const last = items.length - 1;
    return items
      .map((item, index) => {
        const corner = index === last ? "\\-" : "+-";
        const start = index === 0 ? text : indent;
        return draw(item, start + corner, `${indent}${index === last ? "  " : "| "}`);
      })
      .join("\n");
  }

  #node(node: DeviceNode, wanted: boolean, text: string, indent: string): string {
    const { device, bridge } = node;
    const label = `${hex(device.address.device, 2)}.${device.address.function.toString(16)}`;
    if (!bridge || this.#open.has(bridge)) return `${text}${label}${this.#nameOf(device)}`;
    const own = `${label}${rangeOf(bridge)}--`;
    const below = indent + " ".repeat(own.length);
    const inside = wanted || this.#isWanted(node);
    this.#open.add(bridge);
    const drawn =
      bridge.buses.length === 1
        ? this.#nodes(bridge.buses[0]!, inside, text + own, below)
        : this.#buses(bridge, inside, text + own, below);
    this.#open.delete(bridge);
    return drawn;
  }

  #nameOf(device: LspciDevice): string {
    if (this.#options.verbosity === 0) return "";
    const { vendor, device: id } = identityOf(device, this.#options.busCentric);
    return `  ${deviceName(this.#options, vendor, id)}`;
  }

  #isWanted({ device }: DeviceNode): boolean {
    return !this.#filter || this.#filter(device, this.#options.busCentric);
  }

  #isShown(node: DeviceNode): boolean {
    if (this.#isWanted(node)) return true;
    const { bridge } = node;
    if (!bridge || this.#open.has(bridge)) return false;
    this.#open.add(bridge);
    const shown = bridge.buses.some((bus) => this.#hasWanted(bus));
    this.#open.delete(bridge);
    return shown;
  }

  #hasWanted(bus: Bus): boolean {
    return bus.nodes.some((node) => this.#isShown(node));
  }
}

/** The buses that a bridge leads to; without a number of its own it leads nowhere yet. */
function rangeOf({ secondary, subordinate }: Bridge): string {
  if (secondary === 0) return "";
  return secondary === subordinate
    ? `-[${hex(secondary, 2)}]`
    : `-[${hex(secondary, 2)}-${hex(subordinate, 2)}]`;
}
