import { expect, it } from "vitest";
import { createStyle } from "../style.ts";
import { eventLine, type MonitorEvent } from "./event.ts";

const uevent = {
  type: "uevent",
  action: "bind",
  subsystem: "pci",
  path: "/devices/pci0000:00/0000:00:04.0",
  address: "0000:00:04.0",
  sequence: 9,
  properties: { DRIVER: "vfio-pci" },
} as const;
const errors = { type: "errors", address: "0000:00:1c.0", severity: "correctable", error: "BadTLP" } as const;
const fast = { speed: 8, width: 4 };

it.each<[MonitorEvent, string]>([
  [uevent, "bind     0000:00:04.0  pci  vfio-pci"],
  [
    {
      ...uevent,
      action: "add",
      subsystem: "vfio-dev",
      path: `${uevent.path}/vfio-dev/vfio0`,
      properties: {},
    },
    "add      0000:00:04.0  vfio-dev  vfio0",
  ],
  [
    { ...uevent, action: "change", properties: { ERROR_EVENT: "BEGIN_RECOVERY" } },
    "change   0000:00:04.0  pci  BEGIN_RECOVERY",
  ],
  [{ ...uevent, address: null, properties: { DRIVER: "a\x1b[2J" } }, "bind                   pci  a [2J"],
  [
    { type: "lost" },
    "lost                   the kernel had no room for events: look again with userpci list",
  ],
  [{ ...errors, more: 2, count: 9 }, "errors   0000:00:1c.0  correctable BadTLP: 2 more, 9 in all"],
  [
    { type: "link", address: "0000:00:1c.0", before: fast, now: { speed: null, width: 1 } },
    "link     0000:00:1c.0  8 GT/s x4 -> unknown speed x1",
  ],
  [
    { type: "link", address: "0000:00:1c.0", before: fast, now: { speed: 8, width: 0 } },
    "link     0000:00:1c.0  8 GT/s x4 -> down",
  ],
])("prints %o", (event, text) => {
  const time = "2026-01-02T03:04:05.678Z";
  expect(eventLine({ time, ...event }, createStyle(false))).toBe(`03:04:05.678  ${text}`);
});
