import type { ConditionChange, LinkCondition, Uevent, UeventsLost } from "@userpci/sysfs";
import { pad, type Style } from "../style.ts";

/** What a monitor tells of. */
export type MonitorEvent = Uevent | UeventsLost | ConditionChange;

/** An event as data, with when it was heard. */
export type TimedEvent = MonitorEvent & { readonly time: string };

/** Colours of what a user looks for first. */
const colours: Readonly<Record<string, "green" | "yellow" | "red">> = {
  add: "green",
  bind: "green",
  remove: "yellow",
  unbind: "yellow",
  errors: "red",
  lost: "red",
};

/** An event as a line for people: time, what, where, and what more there is to say. */
export function eventLine(event: TimedEvent, style: Style): string {
  const what = event.type === "uevent" ? event.action : event.type;
  const colour = colours[what];
  const name = pad(colour === undefined ? what : style[colour](what), 7);
  const where = "address" in event ? (event.address ?? "") : "";
  return `${style.dim(event.time.slice(11, 23))}  ${name}  ${pad(where, 12)}  ${detailOf(event)}`.trimEnd();
}

function detailOf(event: MonitorEvent): string {
  switch (event.type) {
    case "uevent":
      return printable(ueventDetail(event));
    case "lost":
      return "the kernel had no room for events: look again with userpci list";
    case "errors":
      return `${event.severity} ${printable(event.error)}: ${event.more} more, ${event.count} in all`;
    case "link":
      return `${linkText(event.before)} -> ${linkText(event.now)}`;
  }
}

function ueventDetail({ subsystem, path, properties }: Uevent): string {
  const { DRIVER: driver, ERROR_EVENT: recovery } = properties;
  const name = subsystem === "pci" ? "" : (path.split("/").at(-1) ?? "");
  return [subsystem, name, driver, recovery].filter(Boolean).join("  ");
}

const linkText = ({ speed, width }: LinkCondition): string =>
  width === 0 ? "down" : `${speed === null ? "unknown speed" : `${speed} GT/s`} x${width}`;

/** Without what a terminal would obey: a driver names itself as it likes. */
const printable = (text: string): string => text.replace(/\p{C}+/gu, " ");
