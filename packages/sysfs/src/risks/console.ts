import { functionPath, type PciFunction } from "../function.ts";
import { pathIn, readNames, readText, type TreeOptions } from "../tree.ts";
import { descendants, type Risk } from "./risk.ts";

/** The display that the machine came up with, and the consoles that the kernel writes to. */
export function consoleRisks(fn: PciFunction, options: TreeOptions): Risk[] {
  return [...displayRisks(fn, options), ...serialRisks(fn, options)];
}

function displayRisks(fn: PciFunction, options: TreeOptions): Risk[] {
  const risk = (what: string, evidence: string): Risk => {
    return { kind: "display", address: fn.address, refuses: true, what, evidence, fix: null };
  };
  const boot = functionPath(fn.address, {}, "boot_vga");
  const outputs = descendants("/sys/class/drm", fn, options).flatMap(({ name }) => {
    const status = `/sys/class/drm/${name}/status`;
    const lit = readText(pathIn(options, `/sys/class/drm/${name}/enabled`)) === "enabled";
    return lit && readText(pathIn(options, status)) === "connected"
      ? risk(`a monitor on ${name} shows its picture`, status)
      : [];
  });
  return [
    ...(readText(pathIn(options, boot)) === "1"
      ? [risk("it is the display that the machine started with", boot)]
      : []),
    ...outputs,
    ...textConsole(fn, options).map(({ what, evidence }) => risk(what, evidence)),
  ];
}

/** The frame buffer that text consoles are drawn on, where one is. */
function textConsole(fn: PciFunction, options: TreeOptions): { what: string; evidence: string }[] {
  const evidence = "/sys/class/tty/console/active";
  const onScreen = consoles(options).some((name) => /^tty\d+$/.test(name));
  const buffers = onScreen ? descendants("/sys/class/graphics", fn, options) : [];
  return buffers.slice(0, 1).map(({ name }) => ({ what: `the text console is drawn on ${name}`, evidence }));
}

function serialRisks(fn: PciFunction, options: TreeOptions): Risk[] {
  const active = consoles(options);
  return descendants("/sys/class/tty", fn, options).flatMap(({ name }) => {
    if (!active.includes(name)) return [];
    return {
      kind: "console" as const,
      address: fn.address,
      refuses: true,
      what: `the kernel's console is on its port ${name}`,
      evidence: "/sys/class/tty/console/active",
      fix: null,
    };
  });
}

/** Consoles of the kernel: the last is the default one. */
function consoles(options: TreeOptions): string[] {
  const named = readText(pathIn(options, "/sys/class/tty/console/active"))?.split(/\s+/) ?? [];
  return readNames(pathIn(options, "/sys/class/tty")).filter((name) => named.includes(name));
}
