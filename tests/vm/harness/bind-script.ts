import { bound, functionsAt, physicalFunction, USER } from "../machines.ts";

/**
 * A shell script that binds functions to vfio-pci and gives their nodes to the ordinary user, as `userpci bind` does: in
 * the guest that one starts two processes of node for each function, which take seconds.
 */
export function bindScript(addresses: readonly string[]): string {
  return `
    set -e
    modprobe vfio-pci
    for address in ${addresses.join(" ")}; do
      function=/sys/bus/pci/devices/$address
      echo vfio-pci >$function/driver_override
      if [ -e $function/driver ]; then echo $address >$function/driver/unbind; fi
      echo $address >/sys/bus/pci/drivers_probe
      group=$(basename $(readlink $function/iommu_group))
      for node in /dev/vfio/$group /dev/vfio/devices/$(ls $function/vfio-dev) /dev/iommu; do
        if [ -e $node ]; then chown ${USER} $node; chmod 0660 $node; fi
      done
    done`;
}

/** Virtual functions come from the driver of their physical function, which must be up. */
const createVirtualFunctions = `
    function=/sys/bus/pci/devices/${physicalFunction}
    echo igb >$function/driver_override
    modprobe igb
    echo ${physicalFunction} >/sys/bus/pci/drivers_probe
    echo 0 >$function/sriov_drivers_autoprobe
    echo 1 >$function/sriov_numvfs`;

/** A shell script, run as root once a boot, that binds the functions of a machine. */
export function prepareScript(machine: string): string {
  const functions = bound[machine]!;
  return `
    if [ -e /run/userpci-prepared ]; then exit; fi
    ${functions === functionsAt ? createVirtualFunctions : ""}
    ${bindScript(Object.values(functions))}
    : >/run/userpci-prepared`;
}
