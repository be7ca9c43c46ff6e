// The machines of the corpus: together every PCI device model that QEMU 10 can put into a q35 without a helper process.

/** @typedef {import("@userpci/testbed").BootOptions} BootOptions */

/** @param {string} id @param {number} chassis @param {string} [more] */
const port = (id, chassis, more = "") => `pcie-root-port,id=${id},chassis=${chassis}${more}`;

/**
 * Puts conventional devices behind bridges, 31 slots each.
 * @param {string} id @param {readonly string[]} devices
 */
const conventional = (id, devices) => [
  `pcie-pci-bridge,id=${id}`,
  ...devices.map((device, index) => `${device},bus=${id},addr=${(index + 1).toString(16)}`),
];

/** @param {readonly string[]} names */
const quiet = (names) => names.map((name) => `${name},romfile=`);

const pcnets = [
  "i82550",
  "i82551",
  "i82557a",
  "i82557b",
  "i82557c",
  "i82558a",
  "i82558b",
  "i82559a",
  "i82559b",
  "i82559c",
  "i82559er",
  "i82562",
  "i82801",
];

/** @type {Readonly<Record<string, BootOptions & { readonly prepare?: string }>>} */
export const machines = {
  network: {
    devices: [
      port("p0", 1),
      "e1000e,bus=p0",
      port("p1", 2, ",x-speed=8,x-width=4"),
      "igb,bus=p1,romfile=",
      port("p2", 3, ",x-speed=16,x-width=16"),
      "vmxnet3,bus=p2",
      port("p3", 4),
      "virtio-net-pci,bus=p3,aer=on,ats=on,disable-legacy=on",
      ...conventional(
        "c0",
        quiet([
          "e1000",
          "e1000-82544gc",
          "e1000-82545em",
          "ne2k_pci",
          "pcnet",
          "rtl8139",
          "tulip",
          ...pcnets,
        ]),
      ),
      "rocker,addr=0x10",
      "vmxnet3,addr=0x11,romfile=",
      "virtio-net-pci-transitional,bus=c0,addr=0x1c,romfile=",
      "virtio-net-pci-non-transitional,addr=0x12,romfile=",
      "e1000e,addr=0x13,romfile=",
    ],
    prepare:
      "for f in /sys/bus/pci/devices/*/sriov_totalvfs; do echo 0 > ${f%/*}/sriov_drivers_autoprobe; echo 3 > ${f%/*}/sriov_numvfs || true; done",
  },
  storage: {
    qemuArguments: [
      "-drive",
      "if=none,id=d0,driver=null-co,size=1G",
      "-drive",
      "if=none,id=d1,driver=null-co,size=1G",
    ],
    devices: [
      "nvme-subsys,id=s0",
      port("p0", 1),
      // As JSON, so that the test bed gives it no disk: a controller of a subsystem takes none.
      JSON.stringify({
        driver: "nvme",
        serial: "a",
        bus: "p0",
        subsys: "s0",
        sriov_max_vfs: 4,
        sriov_vq_flexible: 8,
        sriov_vi_flexible: 4,
        max_ioqpairs: 16,
        msix_qsize: 16,
      }),
      port("p1", 2),
      "nvme,serial=b,bus=p1,msix-exclusive-bar=on,cmb_size_mb=64,drive=d0",
      port("p2", 3),
      "megasas-gen2,bus=p2",
      port("p3", 4),
      "ufs,serial=u,bus=p3",
      port("p4", 5),
      "pvscsi,bus=p4",
      "ich9-ahci,addr=0x10",
      "megasas,addr=0x11",
      "pvscsi,addr=0x12",
      "nvme,serial=c,addr=0x13,drive=d1",
      ...conventional("c0", [
        "mptsas1068",
        "lsi53c810",
        "lsi53c895a",
        "am53c974",
        "dc390",
        "sdhci-pci",
        "piix4-ide",
        "piix3-ide",
      ]),
    ],
    prepare:
      "for f in /sys/bus/pci/devices/*/sriov_totalvfs; do echo 0 > ${f%/*}/sriov_drivers_autoprobe; echo 2 > ${f%/*}/sriov_numvfs || true; done",
  },
  virtio: {
    qemuArguments: [
      ...["-drive", "if=none,id=d0,driver=null-co,size=1G", "-drive", "if=none,id=d1,driver=null-co,size=1G"],
      ...[
        "-object",
        "cryptodev-backend-builtin,id=cr0",
        "-object",
        "memory-backend-ram,id=pm0,size=128M,share=on",
      ],
      ...["-audiodev", "none,id=a0"],
    ],
    devices: [
      port("p0", 1),
      "virtio-blk-pci,bus=p0,drive=d0",
      port("p1", 2, ",x-speed=32,x-width=32"),
      "virtio-scsi-pci,bus=p1,aer=on",
      port("p2", 3),
      "virtio-rng-pci,bus=p2,page-per-vq=on",
      "virtio-blk-pci-transitional,drive=d1,addr=0x10",
      "virtio-scsi-pci-transitional,addr=0x11",
      "virtio-serial-pci-non-transitional,addr=0x12",
      "virtio-balloon-pci,addr=0x13",
      "virtio-keyboard-pci,addr=0x14",
      "virtio-tablet-pci,addr=0x15",
      "virtio-crypto-pci,cryptodev=cr0,addr=0x16",
      "virtio-gpu-pci,addr=0x17",
      ...conventional("c0", [
        "virtio-rng-pci-transitional",
        "virtio-mouse-pci",
        "virtio-multitouch-pci",
        "virtio-sound-pci,audiodev=a0",
        "virtio-vga",
      ]),
    ],
  },
  usb: {
    qemuArguments: [
      ...["-audiodev", "none,id=a0", "-object", "memory-backend-ram,id=iv0,size=16M,share=on"],
      ...["-object", "can-bus,id=can0", "-object", "memory-backend-ram,id=er0,size=64K"],
    ],
    devices: [
      port("p0", 1),
      "qemu-xhci,bus=p0",
      port("p1", 2),
      "nec-usb-xhci,bus=p1",
      "qemu-xhci,addr=0x10,msi=on,msix=off",
      "ich9-usb-uhci1,addr=0x1d.0,multifunction=on",
      "ich9-usb-uhci2,addr=0x1d.1",
      "ich9-usb-uhci3,addr=0x1d.2",
      "ich9-usb-ehci1,addr=0x1d.7",
      "ich9-usb-uhci4,addr=0x1c.0,multifunction=on",
      "ich9-usb-uhci5,addr=0x1c.1",
      "ich9-usb-uhci6,addr=0x1c.2",
      "ich9-usb-ehci2,addr=0x1c.7",
      "ich9-intel-hda,addr=0x1b",
      "intel-hda,addr=0x11",
      "AC97,audiodev=a0,addr=0x12",
      "ES1370,audiodev=a0,addr=0x13",
      "edu,addr=0x14",
      "pci-testdev,addr=0x15,membar=64M",
      "pvpanic-pci,addr=0x16",
      "ivshmem-plain,memdev=iv0,addr=0x17",
      ...conventional("c0", [
        "piix3-usb-uhci",
        "piix4-usb-uhci",
        "pci-ohci",
        "usb-ehci",
        "ctucan_pci,canbus0=can0,canbus1=can0",
        "kvaser_pci,canbus=can0",
        "mioe3680_pci,canbus0=can0,canbus1=can0",
        "pcm3680_pci,canbus0=can0,canbus1=can0",
        "tpci200",
        "pci-serial",
        "pci-serial-2x",
        "pci-serial-4x",
        "i6300esb",
        "acpi-erst,memdev=er0",
        "vmware-svga",
      ]),
    ],
  },
  vga: {
    devices: [
      "VGA,addr=0x10",
      "secondary-vga,addr=0x11",
      "bochs-display,addr=0x12",
      ...conventional("c0", ["ati-vga", "cirrus-vga"]),
      "virtio-balloon-pci-transitional,bus=c0,addr=8",
      port("p0", 1),
      "bochs-display,bus=p0",
    ],
  },
  bridges: {
    devices: [
      "ioh3420,id=io0,chassis=1,addr=0x10",
      "x3130-upstream,id=up0,bus=io0",
      "xio3130-downstream,id=dn0,bus=up0,chassis=2",
      "xio3130-downstream,id=dn1,bus=up0,chassis=3,slot=7",
      "edu,bus=dn0",
      "nec-usb-xhci,bus=dn1",
      port("p0", 4, ",io-reserve=8K,mem-reserve=4M,pref64-reserve=1G,addr=0x11"),
      port("p1", 5, ",slot=9,x-speed=64,x-width=32,addr=0x12,multifunction=on"),
      port("p2", 6, ",hotplug=off,addr=0x12.1"),
      "i82801b11-bridge,id=b0,addr=0x13",
      "pci-bridge,id=b1,bus=b0,chassis_nr=8",
      "pci-bridge,id=b2,bus=b1,chassis_nr=9,shpc=on",
      "e1000,bus=b2,addr=3,romfile=",
      "pcie-pci-bridge,id=b3,bus=p0",
      "rtl8139,bus=b3,addr=2,romfile=",
      "pxb-pcie,id=x0,bus_nr=64,addr=0x14",
      port("p3", 10, ",bus=x0"),
      "e1000e,bus=p3,romfile=",
    ],
  },
  cxl: {
    qemuArguments: [
      "-machine",
      "cxl=on",
      "-object",
      "memory-backend-ram,id=m0,size=256M,share=on",
      "-object",
      "memory-backend-ram,id=l0,size=1M,share=on",
      "-object",
      "memory-backend-ram,id=m1,size=256M,share=on",
    ],
    devices: [
      "pxb-cxl,id=x0,bus_nr=32,addr=0x10",
      "cxl-rp,id=r0,bus=x0,chassis=1,slot=1",
      "cxl-type3,bus=r0,persistent-memdev=m0,lsa=l0,id=t0,sn=0x1122334455667788",
      "cxl-rp,id=r1,bus=x0,chassis=1,slot=2",
      "cxl-upstream,id=u0,bus=r1,sn=1234,addr=0.0,multifunction=on",
      "cxl-switch-mailbox-cci,bus=r1,addr=0.1,target=u0",
      "cxl-downstream,id=d0,bus=u0,chassis=1,slot=4",
      "cxl-type3,bus=d0,volatile-memdev=m1,id=t1",
    ],
  },
};
