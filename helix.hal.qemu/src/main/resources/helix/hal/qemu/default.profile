# The default machine: one of everything that Helix has or will have a driver for.
#
# A line is a keyword and its value; a line that begins with # is a comment.
#
#   memory SIZE               RAM, 16M to 2G
#   disk DEVICE|none          the QEMU device made for each drive of --disk without `virtio:`; it gets id=driveN, drive=diskN,
#                             serial=helixN and a free device number from 4 up, unless it names bus= or addr=.
#                             With `none` the drives' block nodes disk0, disk1 ... are there for `device` lines.
#   media NAME SPEC           a further block node; SPEC is FILE, null:SIZE or mem:SIZE as for --disk
#   platform NAME PNPID ports=BASE+COUNT,... lines=N,...
#                             a device that no bus enumerates, for Helix only: QEMU has it built in or by a
#                             `device` line
#   OPTION VALUE              any other word is an option of QEMU's without its dash: device, netdev, chardev,
#                             object, global ...
#
# Devices on the root bus are at fixed numbers, so that addresses stay when a line goes. 4 to 7 are for drives;
# 1e carries the machine's own interrupt messages, 1f the chip set (ISA bridge, AHCI, SMBus).

memory 256M
disk nvme

# Ports for hot-plug: machine:plug takes the first one that is free.
device pcie-root-port,id=hp0,chassis=1,slot=1,addr=2.0,multifunction=on
device pcie-root-port,id=hp1,chassis=2,slot=2,addr=2.1
device pcie-root-port,id=hp2,chassis=3,slot=3,addr=2.2
device pcie-root-port,id=hp3,chassis=4,slot=4,addr=2.3

# A port with a device behind it from the start, and a conventional PCI bridge with one.
device pcie-root-port,id=rp0,chassis=5,slot=5,addr=3
device virtio-rng-pci,id=rng0,bus=rp0
device pcie-pci-bridge,id=br0,addr=1d
device e1000,id=nic2,bus=br0,addr=1,netdev=net2,mac=52:54:00:48:58:03,romfile=

# Storage
media blk0 mem:64M
device virtio-blk-pci,id=vblk0,drive=blk0,serial=vhelix0,addr=8,disable-legacy=on,ioeventfd=off
media sata0 mem:64M
device ide-hd,id=sata0,drive=sata0,serial=ahelix0,bus=ide.0
device qemu-xhci,id=usb,addr=9
media stick0 mem:32M
device usb-storage,id=stick0,drive=stick0,bus=usb.0,port=1,serial=uhelix0

# Network, each on a small network of its own inside QEMU (DHCP, DNS and ARP answer; nothing leaves it)
netdev user,id=net0,restrict=on
netdev user,id=net1,restrict=on
netdev user,id=net2,restrict=on
netdev user,id=net3,restrict=on
device virtio-net-pci,id=vnet0,netdev=net0,mac=52:54:00:48:58:00,addr=a,disable-legacy=on,romfile=
device e1000,id=nic0,netdev=net1,mac=52:54:00:48:58:01,addr=b,romfile=
device rtl8139,id=nic1,netdev=net3,mac=52:54:00:48:58:02,addr=c,romfile=

# Input and graphics. QEMU sends keys to the last keyboard, so the PS/2 one gets none while a USB one is there.
device usb-kbd,id=kbd0,bus=usb.0,port=2
device usb-tablet,id=tablet0,bus=usb.0,port=3
device virtio-tablet-pci,id=vtablet0,addr=d,disable-legacy=on
device virtio-gpu-pci,id=gpu0,addr=e

# Serial: what is written stays in a ring buffer
chardev ringbuf,id=com1,size=65536
device isa-serial,id=com1,chardev=com1,index=0

# Built into the chip set
platform com1 PNP0501 ports=0x3f8+8 lines=4
platform rtc PNP0B00 ports=0x70+2 lines=8
platform kbc PNP0303 ports=0x60,0x64 lines=1,12
