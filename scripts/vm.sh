#!/usr/bin/env bash
# Makes target/vm, what the guest of tests/vm boots from: Debian's kernel, its modules in a small first file system, and
# udev. Debian's packages are fetched and unpacked, never installed. Once made it is kept; only the file system is made
# anew when tests/vm/guest/init has changed.
#   scripts/vm.sh            status 0: ready. Else why not is the last line of standard error.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin

vm=$PWD/target/vm
init=$PWD/tests/vm/guest/init
# What the guest needs before it has the host's files, and what makes its cameras.
modules=(virtio_pci 9pnet_virtio 9p overlay virtio_console vivid uvcvideo vhci_hcd)

fail() { printf '%s\n' "$*" >&2; exit 1; }

[ "$(uname -m)" = x86_64 ] || fail "the guest is for x86_64 only"
for program in qemu-system-x86_64 busybox cpio depmod xz apt-get dpkg-deb; do
    command -v "$program" >/dev/null || fail "$program is not installed"
done

# It runs where there is no library.
! ldd "$(command -v busybox)" >/dev/null 2>&1 || fail "busybox is not static: install busybox-static"

mkdir -p "$vm"
exec 9>"$vm/lock"
flock 9

# The kernel as an ELF file. QEMU starts it as it is (PVH), and nothing is unpacked under emulation: a boot of 3.5 s
# instead of 7. Where it lies in the bzImage: Linux, Documentation/arch/x86/boot.rst, setup_sects (0x1f1),
# payload_offset (0x248) and payload_length (0x24c); the last four bytes are the unpacked length.
unpacked_kernel() {
    local image=$1 sectors offset length
    number() { od --address-radix=n --format="u$2" --skip-bytes="$1" --read-bytes="$2" "$image" | tr -d ' '; }
    sectors=$(number $((0x1f1)) 1)
    offset=$(((sectors + 1) * 512 + $(number $((0x248)) 4)))
    length=$(number $((0x24c)) 4)
    tail --bytes=+$((offset + 1)) "$image" | head --bytes=$((length - 4)) | xz --decompress --stdout
}

kernel() {
    local packages=$vm/packages unpacked=$vm/unpacked image
    rm -rf "$packages" "$unpacked" "$vm/udev" "$vm/initrd"
    mkdir -p "$packages" "$unpacked" "$vm/udev"
    image=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
    [ -n "$image" ] || fail "apt knows no linux-image-amd64 (is this Debian? apt-get update)"
    (cd "$packages" && apt-get -qq -o Acquire::Retries=3 download "$image" udev libudev1 >/dev/null 2>&1) ||
        fail "apt-get download $image udev libudev1 failed (apt-get update?)"
    # Some Debians have /lib inside /usr.
    dpkg-deb --fsys-tarfile "$packages/$image"_*.deb |
        tar --extract --directory "$unpacked" --wildcards --no-anchored --exclude='*/sound/*' \
            './boot/vmlinuz-*' 'modules.*' 'kernel/drivers/media/*' 'kernel/drivers/usb/*' 'kernel/drivers/virtio/*' \
            'kernel/drivers/char/virtio_console.ko*' 'kernel/net/core/*' 'kernel/net/9p/*' 'kernel/fs/9p/*' \
            'kernel/fs/netfs/*' 'kernel/fs/fscache/*' 'kernel/fs/overlayfs/*'
    [ ! -d "$unpacked/usr/lib" ] || mv "$unpacked/usr/lib" "$unpacked/lib"
    find "$unpacked/lib" -name '*.ko.xz' -exec xz --decompress {} +
    depmod -b "$unpacked" "$(ls "$unpacked/lib/modules")"
    for package in udev libudev1; do
        dpkg-deb --extract "$packages/$package"_*.deb "$vm/udev"
    done
    # Laid over a root in which these are links into /usr.
    for folder in bin sbin lib; do
        [ ! -d "$vm/udev/$folder" ] || { mkdir -p "$vm/udev/usr/$folder"; cp -a "$vm/udev/$folder/." "$vm/udev/usr/$folder/"; rm -rf "${vm:?}/udev/$folder"; }
    done
    # xz complains of what follows its data, so the file is judged, not the status. A kernel packed otherwise boots as it is.
    unpacked_kernel "$unpacked"/boot/vmlinuz-* >"$vm/kernel" 2>/dev/null || true
    [ "$(head --bytes=4 "$vm/kernel")" = $'\x7fELF' ] || cp "$unpacked"/boot/vmlinuz-* "$vm/kernel"
    rm -rf "$packages" "$unpacked/boot"
    touch "$vm/kernel.ready"
}

# The first file system: busybox, our init, the modules named above and what they need.
first_files() {
    local root version file
    root=$(mktemp --directory --tmpdir="$vm")
    version=$(ls "$vm/unpacked/lib/modules")
    mkdir -p "$root"/{bin,proc,sys,dev,host,out,new,udev,"lib/modules/$version"}
    install --mode=755 "$(command -v busybox)" "$root/bin/busybox"
    install --mode=755 "$init" "$root/init"
    for module in "${modules[@]}"; do
        modprobe --dirname "$vm/unpacked" --set-version "$version" --show-depends "$module"
    done | awk '$1 == "insmod" { print $2 }' | sort --unique | while read -r file; do
        install -D --mode=644 "$file" "$root/lib/${file#"$vm/unpacked/lib/"}"
    done
    cp "$vm/unpacked/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} "$root/lib/modules/$version/"
    depmod -b "$root" "$version"
    (cd "$root" && find . -print0 | cpio --null --create --format=newc --quiet) >"$vm/initrd.new"
    mv "$vm/initrd.new" "$vm/initrd"
    rm -rf "$root"
}

[ -e "$vm/kernel.ready" ] || kernel
[ "$vm/initrd" -nt "$init" ] && [ "$vm/initrd" -nt scripts/vm.sh ] || first_files
