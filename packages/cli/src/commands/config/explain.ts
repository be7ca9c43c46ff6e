import { PciError } from "@userpci/interface";
import { type ConfigSpace, configOf } from "@userpci/pci-config";
import { configRegisters, findNamed } from "@userpci/pci-config/named";
import { parseOperation, resolveOperation } from "@userpci/pci-config/setpci";
import {
  barShapes,
  type Explanation,
  linux,
  type Profile,
  VirtualConfigSpace,
  vfio2010,
  virtualFunctionIds,
} from "@userpci/pci-config/virtual";
import { ConfigFile } from "@userpci/sysfs";
import {
  type CommandCall,
  ofCommandLine,
  optionText,
  type Report,
  treeOf,
  WrongValue,
} from "../../command.ts";
import { hex } from "../../json.ts";
import type { Style } from "../../style.ts";
import { openTarget } from "../../target/open.ts";
import type { Target } from "../../target/target.ts";
import { noteShort, notSeen } from "./source.ts";

const profiles: Readonly<Record<string, Profile>> = { linux, vfio2010 };

/** Bits that are asked about. */
interface Place {
  readonly name: string;
  readonly offset: number;
  readonly mask: number;
}

/** `userpci config explain`. */
export async function run(call: CommandCall): Promise<Report> {
  const profile = profileOf(call);
  const target = await openTarget(call, { use: "config" });
  try {
    using space = new VirtualConfigSpace(profile, virtualDevice(call, target));
    noteShort(call, [{ name: target.address, config: target.config }], "config explain");
    const places = await ofCommandLine(() => call.rest.map((text) => placeOf(target.config, text))).catch(
      (error: unknown) => {
        throw notSeen(call, target, "config explain", error);
      },
    );
    const structures = space.structures.map(({ kind, name, offset, length }) => ({
      kind,
      name,
      offset,
      length,
    }));
    const explained = places.map((place) => ({ ...place, bits: space.explain(place.offset, place.mask) }));
    return {
      json: {
        address: target.address,
        via: target.via,
        profile: profile.name,
        structures,
        registers: explained,
      },
      text: (style) => [
        style.dim(`${profile.title}`),
        ...(places.length > 0
          ? explained.flatMap(({ name, bits }) => [
              style.bold(name),
              ...bits.map((each) => bitsText(each, style)),
            ])
          : structures.map(
              ({ name, offset, length }) => `${hex(offset, 3)}  ${String(length).padStart(4)} bytes  ${name}`,
            )),
      ],
    };
  } finally {
    await target.close();
  }
}

function profileOf(call: CommandCall): Profile {
  const name = optionText(call, "profile") ?? "linux";
  if (Object.hasOwn(profiles, name)) return profiles[name]!;
  const hint = `one of ${Object.keys(profiles).join(", ")}`;
  throw new WrongValue(
    new PciError("ERR_INVALID_ARGUMENT", `there is no profile ${JSON.stringify(name)}`, { hint }),
  );
}

function virtualDevice(call: CommandCall, { config, bars, fn }: Target) {
  const sizes = Array.from({ length: 6 }, (_, at) => bars.find(({ index }) => index === at)?.size ?? 0);
  const romSize = fn?.resources.find(({ index }) => index === 6)?.size ?? 0;
  const parent = fn?.physicalFunction ?? null;
  return {
    region: config.region,
    bars: barShapes(config, sizes),
    romSize,
    ...(parent !== null && { virtualFunction: idsOf(parent, call) }),
  };
}

function idsOf(physicalFunction: string, call: CommandCall) {
  using file = new ConfigFile(physicalFunction, treeOf(call));
  return virtualFunctionIds(configOf(file));
}

/** All bits of a register, or a field's. */
function placeOf(config: ConfigSpace, text: string): Place {
  const place = findNamed(configRegisters(config), text);
  if (place === undefined) {
    const operation = parseOperation(text);
    const { offset } = resolveOperation(config, operation);
    return { name: text, offset, mask: 0xffff_ffff >>> (32 - operation.width) };
  }
  const { name, register, field } = place;
  const { offset, width } = register;
  const { lo, hi } = field ?? { lo: 0, hi: width - 1 };
  return { name, offset, mask: ((0xffff_ffff >>> (31 - (hi - lo))) << lo) >>> 0 };
}

function bitsText(
  { mask, virtual, writable, reachesDevice, mediated, reason }: Explanation,
  style: Style,
): string {
  const what = virtual ? "virtual" : "the device's";
  const write = !writable
    ? "a write is ignored"
    : reachesDevice
      ? "a write reaches the device"
      : "a write is kept";
  const handled = mediated === undefined ? "" : `, ${mediated}`;
  return `  ${hex(mask)}  ${what}, ${write}${handled}  ${style.dim(reason)}`;
}
