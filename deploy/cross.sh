#!/usr/bin/env bash
# Runs a command, such as cargo, with what it takes to build for another target than this machine's, and to run it:
#
#   deploy/cross.sh aarch64-unknown-linux-gnu cargo test --release --package yolov10-cpu
#
# Linkers and emulators come from Debian's packages, which are installed where they are missing; the standard library
# comes from rustup. The command finds what runs the target's programs in RUNNER, and what strips them in STRIP.
set -euo pipefail

target=${1:?the target, such as aarch64-unknown-linux-gnu}
shift
case $target in
aarch64-unknown-linux-gnu)
    packages=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)
    linker=aarch64-linux-gnu-gcc
    export RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" STRIP=aarch64-linux-gnu-strip
    ;;
x86_64-unknown-linux-musl)
    # The compiler is for what is written in C; musl itself comes with the standard library, for any linker.
    packages=(musl-tools)
    linker=cc
    ;;
x86_64-pc-windows-gnu)
    packages=(gcc-mingw-w64-x86-64 wine64 zip)
    linker=x86_64-w64-mingw32-gcc
    # Debian gives it no place on the path. It has much to say about itself.
    export RUNNER=/usr/lib/wine/wine64 STRIP=x86_64-w64-mingw32-strip WINEDEBUG=-all
    ;;
*)
    echo "$target: expected aarch64-unknown-linux-gnu, x86_64-unknown-linux-musl or x86_64-pc-windows-gnu" >&2
    exit 2
    ;;
esac

if ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
    root=
    [ "$(id -u)" = 0 ] || root=sudo
    { $root apt-get update && $root apt-get install -y --no-install-recommends "${packages[@]}"; } >&2
fi
rustup target list --installed | grep -qx "$target" || rustup target add "$target" >&2

# Rust's standard library takes random numbers from a library of Windows that the wine of Debian 12 lacks.
if [ "${RUNNER:-}" = /usr/lib/wine/wine64 ]; then
    export WINEPATH=${CARGO_TARGET_DIR:-$PWD/target}/wine
    mkdir -p "$WINEPATH"
    [ -f "$WINEPATH/bcryptprimitives.dll" ] ||
        x86_64-w64-mingw32-gcc -shared -o "$WINEPATH/bcryptprimitives.dll" -x c - -ladvapi32 <<'END'
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T count) { return RtlGenRandom(bytes, count); }
END
fi

name=$(tr a-z- A-Z_ <<<"$target")
export CARGO_BUILD_TARGET=$target "CARGO_TARGET_${name}_LINKER=$linker"
[ -z "${RUNNER:-}" ] || export "CARGO_TARGET_${name}_RUNNER=$RUNNER"
exec "$@"
