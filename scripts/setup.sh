#!/usr/bin/env bash
# Makes this machine ready: installs what is missing, and nothing that is there. Safe to run again.
#   scripts/setup.sh          what building and running need
#   scripts/setup.sh test     and what the checks need (cargo-deny, into target/tools; the guest of tests/vm, if it can be had)
#   scripts/setup.sh vm       and the guest of tests/vm (QEMU; Debian's kernel, into target/vm)
#   scripts/setup.sh fuzz     and what fuzzing needs (a nightly toolchain with llvm-tools, cargo-fuzz into target/tools)
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:-run}
font=/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf
cargo_deny=0.20.2   # the same version everywhere, so that a check has the same answer everywhere
cargo_fuzz=0.13.2

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

packages() {
    say "installing $*"
    if [ "$(id -u)" -ne 0 ] && ! has sudo; then
        fail "neither root nor sudo: run as root: apt-get install --no-install-recommends $*"
    fi
    local quietly=(-qq -o Acquire::Retries=3 -o Dpkg::Use-Pty=0)
    as_root apt-get "${quietly[@]}" update
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get "${quietly[@]}" install --yes --no-install-recommends "$@" >/dev/null
}

# Debian's names of what is missing. The build was tried with a C and a C++ compiler and nothing else:
# no cmake, no pkg-config, no nasm, no system library.
missing=()
has ffmpeg && has ffprobe || missing+=(ffmpeg)         # encodes the cameras; the tests read with ffprobe
has cc && has c++ || missing+=(g++)                    # openh264 is C++, aws-lc is C, rustc links with cc
has make || missing+=(make)
has git || missing+=(git)                              # `tidy` asks it which files are ours

if has apt-get; then
    # The test camera writes its clock with it. Elsewhere fontconfig finds a font or the first start says so.
    [ -e "$font" ] || missing+=(fonts-dejavu-core)
    [ ${#missing[@]} -eq 0 ] || packages "${missing[@]}"
elif [ ${#missing[@]} -gt 0 ]; then
    fail "please install what Debian calls: ${missing[*]}"
fi

# A stripped ffmpeg would fail later and less clearly.
offers() {
    local list
    list=$(ffmpeg -hide_banner "-$1" 2>/dev/null) || list=
    case $list in *" $2 "*) ;; *) fail "this ffmpeg has no $2 ($1): install a full build, 5.1 or later" ;; esac
}
offers encoders libx264
offers filters drawtext
offers devices lavfi

has cargo || fail "Rust is missing: see https://rustup.rs (1.95 or later; rust-toolchain.toml names the version)"

# Builds a cargo tool of a fixed version into target/tools, once.
tool() {
    local name=$1 version=$2
    if [ "$("target/tools/bin/$name" --version 2>/dev/null | awk '{print $2}')" != "$version" ]; then
        say "building $name $version (about two minutes, once)"
        CARGO_TARGET_DIR=target/tools/build cargo install --quiet --locked --root target/tools --version "$version" "$name"
        rm -rf target/tools/build
    fi
}

# What the guest of tests/vm is started with, and its kernel.
guest() {
    local PATH=$PATH:/usr/sbin:/sbin missing=()
    has qemu-system-x86_64 || missing+=(qemu-system-x86)
    has busybox || missing+=(busybox-static)
    has cpio || missing+=(cpio)
    has depmod || missing+=(kmod)
    has xz || missing+=(xz-utils)
    has v4l2-ctl || missing+=(v4l-utils)   # sets the controls of cameras that fail on demand
    if [ "$(uname -m)" = x86_64 ] && has apt-get && [ ${#missing[@]} -gt 0 ]; then
        packages "${missing[@]}"
    fi
    scripts/vm.sh
}

case $purpose in
run) ;;
test)
    tool cargo-deny "$cargo_deny"
    # In a process of its own: without a guest its tests say that they are skipped, and the others run.
    scripts/setup.sh vm || say "there will be no guest with cameras"
    ;;
vm) guest ;;
fuzz)
    has rustup || fail "fuzzing needs a nightly toolchain, and rustup to choose it"
    cargo +nightly --version >/dev/null 2>&1 || rustup toolchain install nightly --profile minimal
    # llvm-cov tells how much of a parser the inputs reach.
    rustup component list --toolchain nightly --installed | grep '^llvm-tools' >/dev/null ||
        rustup component add --toolchain nightly llvm-tools
    tool cargo-fuzz "$cargo_fuzz"
    ;;
*) fail "unknown purpose $purpose: run, test, vm or fuzz" ;;
esac
