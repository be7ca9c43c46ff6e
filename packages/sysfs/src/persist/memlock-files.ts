import { fileOn, type GeneratedFile, heading } from "./generated-file.ts";
import { plainName } from "./grantee.ts";
import { memlockKib, memlockRank, memlockText } from "./memlock.ts";
import type { Permission } from "./permission.ts";

const undo = ({ address }: Permission) => `permit ${address} --remove`;

/**
 * The limit of who logs in (limits.conf(5), read by pam_limits). A user's own comes before that of a group, whichever is larger.
 */
export function limitsFile(permission: Permission): GeneratedFile {
  const { grantee, memlock } = permission;
  const name = plainName(grantee);
  // A number by itself would be a name: ids are given as a range.
  const who = /^\d+$/.test(name) ? `${name}:${name}` : name;
  const about = `${grantee.kind} ${name} may pin ${memlockText(memlock)}, from the next login on`;
  const line = `${grantee.kind === "group" ? "@" : ""}${who} - memlock ${memlockKib(memlock)}\n`;
  return fileOn("limits", permission, `${heading(permission, about, undo(permission))}${line}`, {
    rank: memlockRank(memlock),
  });
}

/**
 * The limit of what systemd starts (systemd.exec(5), `LimitMEMLOCK=`): a user's own services, which no pam_limits sees, and the service that the
 * permission names.
 */
export function systemdFiles(permission: Permission): GeneratedFile[] {
  const { grantee, service } = permission;
  const units = [
    ...(grantee.kind === "user" ? [`user@${grantee.id}.service`] : []),
    ...(service === null ? [] : [service]),
  ];
  return units.map((unit) => dropIn(permission, unit));
}

function dropIn(permission: Permission, unit: string): GeneratedFile {
  const { grantee, memlock, service } = permission;
  const limit = memlock === "unlimited" ? "infinity" : String(memlock);
  const name = plainName(grantee);
  const joins = grantee.kind === "group" && unit === service ? [`SupplementaryGroups=${name}`] : [];
  // To name one device shuts all others out (systemd.resource-control(5)), so that is left to a service that does so already.
  const devices =
    unit === service
      ? [
          "# With DevicePolicy=closed or strict it needs:",
          "#DeviceAllow=/dev/vfio/vfio rw",
          "#DeviceAllow=char-vfio rw",
          "#DeviceAllow=char-vfio-dev rw",
          "#DeviceAllow=/dev/iommu rw",
        ]
      : [];
  const lines = ["[Service]", `LimitMEMLOCK=${limit}`, ...joins, ...devices];
  const first = heading(permission, `${unit} may pin ${memlockText(memlock)}`, undo(permission));
  return fileOn("systemd", permission, `${first}${lines.join("\n")}\n`, {
    rank: memlockRank(memlock),
    unit,
  });
}
