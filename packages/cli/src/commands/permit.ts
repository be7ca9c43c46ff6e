import { PciError } from "@userpci/interface";
import { findFunction, PciAddress, readGroup, type TreeOptions } from "@userpci/sysfs";
import {
  bindingFiles,
  describeBinding,
  describePermission,
  type FileKind,
  fileKinds,
  type GeneratedFile,
  type Permission,
  type PermitOptions,
  parseMemlock,
  permissionFiles,
  permit,
  planPermit,
  planUnpermit,
  type Setup,
  unpermit,
  withoutNodes,
} from "@userpci/sysfs/persist";
import {
  type CommandCall,
  ofCommandLine,
  optionText,
  type Report,
  rangeOfCommandLine,
  treeOf,
} from "../command.ts";
import { type SetupAct, setupJson, setupLines } from "../setup-view.ts";

/** `userpci permit`. */
export async function run(call: CommandCall): Promise<Report> {
  const tree = treeOf(call);
  const act = await ofCommandLine(() => actOf(call, tree));
  if (call.options["remove"] === true) return removed(call, act, tree);
  const options = await rangeOfCommandLine(() => permitOptions(call, tree));
  const kind = optionText(call, "print");
  if (kind !== undefined) return printed(call, options, await ofCommandLine(() => kindOf(kind)));
  const address = call.arguments[0]!;
  const done = await (act === "plan" ? planPermit : permit)(address, options);
  return reportOf(done, act, done.permission, companions(done.address, tree));
}

/** A copy of a machine can be looked at, but is not set up. @throws PciError `ERR_INVALID_ARGUMENT` */
function actOf(call: CommandCall, { root }: TreeOptions): SetupAct {
  if (call.options["plan"] === true) return "plan";
  if (root === undefined || call.options["print"] !== undefined) return "done";
  throw wrong("--root only goes with --plan and --print", "what is to be set up is this machine");
}

async function removed(call: CommandCall, act: SetupAct, tree: TreeOptions): Promise<Report> {
  const extra = ["user", "group", "memlock", "service", "cdi", "print"].find(
    (name) => call.options[name] !== undefined,
  );
  if (extra !== undefined) {
    const hint = "--remove takes back all of a function's permission";
    await ofCommandLine(() => Promise.reject(wrong(`--remove does not go with --${extra}`, hint)));
  }
  const done = await (act === "plan" ? planUnpermit : unpermit)(call.arguments[0]!, tree);
  return reportOf(done, act === "plan" ? act : "undone", null, []);
}

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` */
function permitOptions(call: CommandCall, tree: TreeOptions): PermitOptions {
  const [user, group, memlock, service] = ["user", "group", "memlock", "service"].map((name) =>
    optionText(call, name),
  );
  const options = {
    ...tree,
    ...(user !== undefined && { user }),
    ...(group !== undefined && { group }),
    ...(memlock !== undefined && { memlock: parseMemlock(memlock) }),
    ...(service !== undefined && { service }),
    cdi: call.options["cdi"] === true,
  };
  // A name that there is not is a mistake of the command line, whatever there is at the address.
  if (findFunctionOrNull(call.arguments[0]!, tree) !== null) describePermission(call.arguments[0]!, options);
  return options;
}

function findFunctionOrNull(address: string, tree: TreeOptions): object | null {
  try {
    return findFunction(address, tree);
  } catch {
    return null;
  }
}

function kindOf(text: string): FileKind {
  const kind = fileKinds.find((candidate) => candidate === text);
  if (kind === undefined)
    throw wrong(`there is no file of the kind ${JSON.stringify(text)}`, `one of ${fileKinds.join(", ")}`);
  return kind;
}

/** The files of one kind, for who puts them in place by other means. */
async function printed(call: CommandCall, options: PermitOptions, kind: FileKind): Promise<Report> {
  const address = call.arguments[0]!;
  const permission = describePermission(address, options);
  const all = [...bindingFiles(await describeBinding(address, options)), ...permissionFiles(permission)];
  const files = all.filter((file) => file.kind === kind);
  if (files.length === 0) throw noFile(permission, kind, options);
  return {
    json: { ...permissionJson(permission), printed: files.map(printedJson) },
    text: () => files.flatMap((file) => file.text.trimEnd().split("\n")),
  };
}

function noFile(permission: Permission, kind: FileKind, tree: TreeOptions): PciError {
  const { grantee } = permission;
  if (kind === "oci" || kind === "cdi") return withoutNodes(permission, tree);
  const reasons: Partial<Record<FileKind, readonly [why: string, hint: string]>> = {
    modprobe: ["no driver of its own is known", "vfio-pci need not be there before any other"],
    initramfs: [
      "neither initramfs-tools, dracut nor mkinitcpio is here",
      "copy what --print udev says into yours",
    ],
    systemd: [`a ${grantee.kind} has no service of its own`, "name a service: --service NAME.service"],
  };
  const [why, hint] = reasons[kind] ?? ["nothing of this kind applies", "try another kind"];
  return new PciError("ERR_NOT_SUPPORTED", `there is no file for ${kind}: ${why}`, { hint });
}

/** The other functions that come with the node of an IOMMU group. */
function companions(address: string, tree: TreeOptions): string[] {
  const { iommuGroup } = findFunction(address, tree);
  if (iommuGroup === null) return [];
  const others = readGroup(iommuGroup, tree).members.map((member) => member.address);
  return others.filter((other) => other !== address && PciAddress.tryParse(other) !== null);
}

function reportOf(
  setup: Setup,
  act: SetupAct,
  permission: Permission | null,
  others: readonly string[],
): Report {
  const nothing = permission === null && setup.files.length === 0 && setup.nodes.length === 0;
  return {
    json: { ...permissionJson(permission), ...setupJson(setup, act), companions: others },
    text: (style) =>
      nothing
        ? [`${style.green("nothing to do")}  ${setup.address} is not permitted to anybody by userpci`]
        : [
            `${style.green(headline(act, permission))}  ${setup.address}${aboutText(permission)}`,
            ...setupLines(setup, act, style),
            ...others.map(
              (other) => `${style.yellow("with it")}  ${other}: in its IOMMU group, whose node is one`,
            ),
          ],
  };
}

function headline(act: SetupAct, permission: Permission | null): string {
  if (act === "plan") return permission === null ? "would withdraw" : "would permit";
  return permission === null ? "withdrawn" : "permitted";
}

function aboutText(permission: Permission | null): string {
  if (permission === null) return "";
  const { grantee } = permission;
  return ` to ${grantee.kind} ${grantee.name}, whenever it is bound to vfio-pci`;
}

function permissionJson(permission: Permission | null): object {
  return {
    ...(permission !== null && { address: permission.address }),
    grantee: permission?.grantee ?? null,
    memlock: permission?.memlock ?? null,
    service: permission?.service ?? null,
  };
}

function printedJson({ kind, path, mode, text }: GeneratedFile): object {
  return { kind, path, mode: mode.toString(8).padStart(4, "0"), text };
}

function wrong(message: string, hint: string): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", message, { hint });
}
