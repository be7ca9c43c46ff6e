const FOLDER = "/run/disk";

/**
 * A shell script for root: the guest's `nvme` driver takes a controller, a file system is made on its first namespace, files are
 * written and, after it was mounted anew, read back and compared. Prints how often each queue interrupted.
 */
export const fileSystemScript = (address: string): string => `
  set -e
  modprobe nvme
  modprobe ext4
  for i in $(seq 200); do
    disk=$(ls -d /sys/bus/pci/devices/${address}/nvme/nvme*/nvme*n1 2>/dev/null) && break
    sleep 0.05
  done
  disk=/dev/$(basename "$disk")
  [ -b "$disk" ] || { dmesg | tail; exit 1; }
  if command -v mkfs.ext4 >/dev/null; then mkfs.ext4 -q $disk; else busybox mke2fs $disk; fi
  mkdir -p ${FOLDER}
  mount -t ext4 $disk ${FOLDER}
  dd if=/dev/urandom of=/run/written bs=64k count=100 2>/dev/null
  cp /run/written ${FOLDER}/whole
  dd if=/run/written of=${FOLDER}/pieces bs=1500 conv=fsync 2>/dev/null
  umount ${FOLDER}
  echo 3 >/proc/sys/vm/drop_caches
  mount -t ext4 -o ro $disk ${FOLDER}
  cmp /run/written ${FOLDER}/whole
  cmp /run/written ${FOLDER}/pieces
  umount ${FOLDER}
  if command -v e2fsck >/dev/null; then e2fsck -fn $disk 2>&1; fi
  grep ${address} /proc/interrupts
`;
