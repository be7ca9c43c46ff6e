import { realpathSync } from "node:fs";
import { PciAddress } from "../../address.ts";
import { DEVICES, functionPath, type PciFunction } from "../../function.ts";
import { readGroup } from "../../group.ts";
import { type FunctionCheck, type Question, type Verdict, verdict } from "../check.ts";
import { wordValue } from "../command-line.ts";
import { type Evidence, evidence, type Facts } from "../facts.ts";

/** Whether what is above a function keeps it apart from others. */
export const acsCheck: FunctionCheck = {
  id: "acs",
  title: "ACS on the path",
  after: ["group"],
  look: lookAtAcs,
};

/** A bridge on the path, and whether it keeps what is below apart. */
interface Bridge {
  readonly address: string;
  readonly separates: "yes" | "no" | "conventional" | "unknown" | "not asked";
  readonly says: string;
}

/** What the kernel asks for: source validation, redirection of requests and completions, upstream forwarding (`REQ_ACS_FLAGS`, drivers/iommu/iommu.c). */
const REQUIRED = 0x1d;

function lookAtAcs(fn: PciFunction, { facts }: Question): Verdict {
  if (fn.iommuGroup === null) return verdict("unknown", "it is in no group", []);
  const bridges = bridgesAbove(fn, facts).map((address) => readBridge(address, facts));
  const seen: Evidence[] = bridges.map(({ address, says }) => ({
    path: `${DEVICES}/${address}/config`,
    says,
  }));
  const shared = readGroup(fn.iommuGroup, facts.tree).members;
  const others = shared.filter(
    ({ address }) => address !== fn.address && !bridges.some((bridge) => bridge.address === address),
  );
  const patched = wordValue(facts, "pcie_acs_override");
  if (patched !== null) {
    const says =
      "a patched kernel pretends that ports have ACS: groups are smaller than what keeps devices apart";
    return verdict(
      "warning",
      says,
      [evidence(facts.text("/proc/cmdline"), `pcie_acs_override=${patched}`)],
      ["trust it only with devices whose drivers trust each other"],
    );
  }
  if (others.length === 0) return alone(fn, bridges, seen);
  const blamed = bridges.find(({ separates }) => separates === "conventional" || separates === "no");
  const named = others.map(({ address }) => address).join(", ");
  const fix = ["use all of the group together, or put the device into a slot of its own"];
  if (blamed !== undefined)
    return verdict("warning", `it shares its group with ${named}: ${blame(blamed)}`, seen, fix);
  const hidden = bridges.some(({ separates }) => separates === "unknown");
  if (hidden) {
    const says = `it shares its group with ${named}; which port lacks ACS is for root to see`;
    return verdict("unknown", says, seen, [`sudo userpci doctor ${fn.address}`]);
  }
  return verdict(
    "warning",
    `it shares its group with ${named}: functions of one device without ACS`,
    seen,
    fix,
  );
}

function alone(fn: PciFunction, bridges: readonly Bridge[], seen: readonly Evidence[]): Verdict {
  const path = { path: `${DEVICES}/${fn.address}/iommu_group`, says: "no other endpoint" };
  if (bridges.length === 0) return verdict("ok", "it is on the root bus, alone in its group", [path]);
  const above = bridges.map(({ address }) => address).join(", ");
  return verdict("ok", `alone in its group below ${above}`, [path, ...seen]);
}

function blame({ address, separates }: Bridge): string {
  return separates === "conventional"
    ? `${address} leads to conventional PCI, where devices reach each other`
    : `the port ${address} lacks ACS`;
}

/** The bridges above a function, the nearest first. */
function bridgesAbove(fn: PciFunction, facts: Facts): string[] {
  let path: string;
  try {
    path = realpathSync(functionPath(fn.address, facts.tree));
  } catch {
    return [];
  }
  const parts = path.split("/").slice(0, -1).reverse();
  const end = parts.findIndex((part) => PciAddress.tryParse(part) === null);
  return parts.slice(0, Math.max(end, 0));
}

// PCI Express capability: id, and the types of its port that matter (PCI Express Base 6.0, 7.5.3.2).
const EXPRESS = 0x10;
const ROOT_PORT = 4;
const DOWNSTREAM_PORT = 6;
const TO_CONVENTIONAL = 7;
/** ACS extended capability, and its control register (7.7.11). */
const ACS = 0x000d;
const ACS_CONTROL = 6;
/** The header ends here; more is for root. */
const HEADER = 64;
const STANDARD = 256;

function readBridge(address: string, facts: Facts): Bridge {
  const { value } = facts.bytes(`${DEVICES}/${address}/config`);
  if (value === null || value.length <= HEADER) {
    return { address, separates: "unknown", says: "an ordinary user reads the first 64 bytes only" };
  }
  const express = findStandard(value, EXPRESS);
  const type = express === null ? null : (value.readUInt16LE(express + 2) >> 4) & 0xf;
  if (type === null || type === TO_CONVENTIONAL) {
    return { address, separates: "conventional", says: "a bridge to conventional PCI" };
  }
  if (type !== ROOT_PORT && type !== DOWNSTREAM_PORT)
    return { address, separates: "not asked", says: "an upstream port" };
  if (value.length <= STANDARD)
    return { address, separates: "unknown", says: "no extended configuration space here" };
  const acs = findExtended(value, ACS);
  if (acs === null) return { address, separates: "no", says: "no ACS capability" };
  const control = value.readUInt16LE(acs + ACS_CONTROL);
  const on = (control & REQUIRED) === REQUIRED;
  return {
    address,
    separates: on ? "yes" : "no",
    says: `ACS control 0x${control.toString(16).padStart(4, "0")}`,
  };
}

/** Offset of a capability whose first 4 bytes are in `bytes`. */
function findStandard(bytes: Buffer, id: number): number | null {
  let offset = bytes[0x34]! & 0xfc;
  for (
    let left = (STANDARD - HEADER) / 4;
    left > 0 && offset >= HEADER && offset + 4 <= bytes.length;
    left -= 1
  ) {
    if (bytes[offset] === id) return offset;
    offset = bytes[offset + 1]! & 0xfc;
  }
  return null;
}

/** Offset of an extended capability whose first 8 bytes are in `bytes`. */
function findExtended(bytes: Buffer, id: number): number | null {
  let offset = STANDARD;
  for (
    let left = (4096 - STANDARD) / 4;
    left > 0 && offset >= STANDARD && offset + 8 <= bytes.length;
    left -= 1
  ) {
    const header = bytes.readUInt32LE(offset);
    if ((header & 0xffff) === id) return offset;
    offset = (header >>> 20) & 0xffc;
  }
  return null;
}
