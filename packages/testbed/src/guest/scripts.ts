import { GUEST_TOOL_PATH, GUEST_TOOLBOX } from "../toolbox.ts";

/** Paths inside the guest. `/run` is a tmpfs of the guest's own. */
export const GUEST = {
  /** The host's tree as it is, read-only. */
  host: "/run/testbed/host",
  /** A directory shared with the host, readable and writable by everybody in the guest. */
  exchange: "/run/testbed/exchange",
  /** What the guest has written: the upper layer of its root. */
  written: "/run/testbed/rw/upper",
  busybox: "/run/testbed/busybox",
  secondStage: "/run/testbed/second-stage.sh",
} as const;

/** Tags of the 9p shares and the name of the agent's port, as QEMU and the guest both spell them. */
export const TAG = { host: "hostroot", exchange: "exchange", port: "userpci.agent" } as const;

/** What the console says when the guest's agent ended; the guest powers off then. */
export const AGENT_ENDED = "testbed: the agent ended with status";
/** What the console says when a step of the boot failed. */
export const BOOT_FAILED = "testbed: boot failed:";

/** What differs between boots; the scripts read it as shell variables. */
export interface GuestSettings {
  /** Host paths. */
  readonly node: string;
  readonly agent: string;
  readonly tools: string | undefined;
  readonly modules: string | undefined;
  /** Archive of what an earlier guest wrote. */
  readonly overlay: string | undefined;
  /** Directories that other users than root must be able to pass through. */
  readonly passable: readonly string[];
}

/** The settings as a shell file. */
export function settingsScript(settings: GuestSettings): string {
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name.toUpperCase()}=${shellQuote(text(value))}\n`,
  );
  return lines.join("");
}

function text(value: string | readonly string[] | undefined): string {
  return typeof value === "object" ? value.join("\n") : (value ?? "");
}

/** `text` as one word of a POSIX shell. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

const MOUNT_9P = "mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000";

/**
 * The initial root's first process: loads the modules, puts a throw-away overlay over the host's tree, and goes there. `/modules.order` lists the
 * modules, `/settings` is {@link settingsScript}.
 */
export const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
fail() { echo "${BOOT_FAILED} $*" >/dev/console; sleep 1; echo o >/proc/sysrq-trigger; sleep 60; }
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
. /settings
while read -r module; do insmod "$module" || fail "insmod $module"; done </modules.order
${MOUNT_9P},ro,cache=loose ${TAG.host} /ro || fail "mounting the host's tree"
mount -t tmpfs -o mode=0755 rw /rw
mkdir /rw/upper /rw/work
[ -z "$OVERLAY" ] || tar -x -f "/ro$OVERLAY" -C /rw/upper || fail "unpacking the overlay $OVERLAY"
mount -t overlay -o lowerdir=/ro,upperdir=/rw/upper,workdir=/rw/work root /new || fail "mounting the overlay"
mkdir -p /new/proc /new/sys /new/dev /new/run
mount --move /proc /new/proc
mount --move /sys /new/sys
mount --move /dev /new/dev
mount -t tmpfs -o mode=0755 run /new/run
mkdir -p /new${GUEST.host} /new${GUEST.exchange} /new${GUEST_TOOLBOX} /new/run/lock /new/run/testbed/rw
mount --move /ro /new${GUEST.host}
mount --move /rw /new/run/testbed/rw
${MOUNT_9P},rw ${TAG.exchange} /new${GUEST.exchange} || fail "mounting the exchange directory"
cp /bin/busybox /new${GUEST.busybox}
cp /second-stage.sh /new${GUEST.secondStage}
cp /settings /new/run/testbed/settings
exec switch_root /new ${GUEST.busybox} sh ${GUEST.secondStage}
`;

/** The first process in the guest's final root: the rest of the mounts, then the agent; reaps orphans and powers off when the agent ends. */
export const SECOND_STAGE = `
b=${GUEST.busybox}
# A kernel of somebody's own may be without /proc/sys.
sysctl() { [ ! -e "/proc/sys/$1" ] || echo "$2" >"/proc/sys/$1"; }
. /run/testbed/settings
$b mkdir -p /dev/pts /dev/shm /dev/hugepages
$b mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
$b mount -t tmpfs -o mode=1777 shm /dev/shm
$b ln -sf /proc/self/fd /dev/fd
if [ -n "$TOOLS" ]; then
  $b mount --bind "${GUEST.host}$TOOLS" ${GUEST_TOOLBOX}
  sysctl kernel/modprobe ${GUEST_TOOL_PATH}/modprobe
fi
if [ -n "$MODULES" ]; then
  release=$($b uname -r)
  $b mkdir -p "/lib/modules/$release"
  $b mount --bind "${GUEST.host}$MODULES" "/lib/modules/$release"
fi
[ -n "$PASSABLE" ] && echo "$PASSABLE" | while read -r directory; do $b chmod o+x "$directory"; done
$b ip link set lo up
$b hostname testbed
sysctl kernel/sysrq 1
for port in /sys/class/virtio-ports/*; do
  [ "$($b cat $port/name)" = "${TAG.port}" ] && device=/dev/$($b basename $port)
done
export PATH=${GUEST_TOOL_PATH}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
"$NODE" "$AGENT" "$device"
echo "${AGENT_ENDED} $?" >/dev/console
$b stty sane </dev/console
echo o >/proc/sysrq-trigger
while :; do $b sleep 60; done
`;
