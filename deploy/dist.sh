#!/usr/bin/env bash
# Archives of the program for every target, or for those that are named, in target/dist: `make dist`.
#
#   deploy/dist.sh [TARGET ...]
#
# An archive has the program, completions, manual pages, licences. Beside the archives lie a bill of materials for each
# (CycloneDX) and SHA256SUMS. Targets other than this machine's are built by deploy/cross.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

host=$(rustc -vV | sed -n 's/^host: //p')
targets=("$@")
[ $# -gt 0 ] || targets=(x86_64-unknown-linux-gnu x86_64-unknown-linux-musl aarch64-unknown-linux-gnu x86_64-pc-windows-gnu)
folder=${CARGO_TARGET_DIR:-target}
dist=$folder/dist
package=yolo10-burn-cli
version=$(cargo pkgid --package "$package" | sed 's/.*[@#]//')
# The same commit gives the same archives, wherever and whenever they are packed.
date=@$(git log -1 --format=%ct)

# What is linked into the program: a crate's name, version and licence in a line.
linked() {
    cargo tree --locked --package "$package" --target "$1" --edges normal --prefix none --format '{p} {l}' |
        sed -e '/(proc-macro)/d' -e "\\:($PWD:d" -e 's/ (\*)$//' -e 's/ v/ /' -e 's:MIT/Apache:MIT OR Apache:' | sort -u
}

# Its licences: each text once, below the crates that come under it.
licences() {
    local registry=${CARGO_HOME:-$HOME/.cargo}/registry/src texts file sum
    texts=$(mktemp -d)
    linked "$1" | while read -r name number licence; do
        echo "$name $number: $licence"
        for file in "$registry"/*/"$name-$number"/{LICEN[CS]E,COPYING,NOTICE,UNLICENSE}*; do
            [ -f "$file" ] || continue
            sum=$(sha256sum <"$file" | cut -c1-16)
            echo "$name $number" >>"$texts/$sum.crates"
            cp "$file" "$texts/$sum.text"
        done
    done
    for file in "$texts"/*.text; do
        printf '\n%s\n\n%s\n\n' "$(printf '=%.0s' {1..100})" "$(paste -sd, "${file%.text}.crates" | sed 's/,/, /g' | fold -sw 100)"
        cat "$file"
    done
    rm -r "$texts"
}

# The same as a bill of materials in CycloneDX. cargo-cyclonedx 0.5 would list twice as many crates, those of features
# that are off among them.
bill() {
    local separator= checksum
    printf '{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"metadata":{"component":'
    printf '{"type":"application","name":"yolo10-burn","version":"%s","description":"%s"}},"components":[' "$version" "$1"
    linked "$1" | while read -r name number licence; do
        checksum=$(grep -A 3 -Fx "name = \"$name\"" Cargo.lock | grep -A 2 -Fx "version = \"$number\"" |
            sed -n 's/^checksum = "\(.*\)"/\1/p')
        printf '%s\n{"type":"library","name":"%s","version":"%s","purl":"pkg:cargo/%s@%s",' \
            "$separator" "$name" "$number" "$name" "$number"
        printf '"licenses":[{"expression":"%s"}],"hashes":[{"alg":"SHA-256","content":"%s"}]}' "$licence" "$checksum"
        separator=,
    done
    printf '\n]}\n'
}

build() {
    local target=$1 name=yolo10-burn-$version-$1 program=yolo10-burn built with=()
    if [ "$target" = "$host" ]; then
        built=$folder/release
    else
        built=$folder/$target/release
        with=(deploy/cross.sh "$target")
    fi
    case $target in
    *-windows-*) program=yolo10-burn.exe ;;
    esac
    "${with[@]}" cargo build --release --locked --bin yolo10-burn

    local content=$dist/$name
    rm -rf "$content" "$content".*
    mkdir -p "$content/completions" "$content/man"
    install -m 755 "$built/$program" "$content/$program"
    "${with[@]}" sh -c '${STRIP:-strip} "$0"' "$content/$program"
    # Said by the program that is shipped: what cannot start is not packed.
    local run=("${with[@]}" sh -c 'exec ${RUNNER:-} "$0" "$@"') shell file
    for shell in bash:yolo10-burn.bash zsh:_yolo10-burn fish:yolo10-burn.fish elvish:yolo10-burn.elv powershell:_yolo10-burn.ps1; do
        file=$content/completions/${shell#*:}
        "${run[@]}" "$content/$program" completions "${shell%:*}" >"$file"
    done
    "${run[@]}" "$content/$program" man "$content/man" >/dev/null
    cp LICENSE-APACHE LICENSE-MIT NOTICES.md README.md "$content"
    licences "$target" >"$content/THIRD-PARTY-LICENCES.txt"

    bill "$target" >"$dist/$name.cdx.json"
    case $target in
    *-windows-*)
        find "$content" -exec touch -d "$date" {} +
        (cd "$dist" && find "$name" -type f | LC_ALL=C sort | zip -X -q "$name.zip" -@)
        ;;
    *)
        tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="$date" -C "$dist" -cf - "$name" |
            gzip -9n >"$dist/$name.tar.gz"
        ;;
    esac
}

mkdir -p "$dist"
for target in "${targets[@]}"; do
    build "$target"
    case $target in
    *-musl) [ "$(id -u)" != 0 ] || deploy/empty_root.sh "$dist/yolo10-burn-$version-$target/yolo10-burn" ;;
    esac
done
cd "$dist"
find . -maxdepth 1 -name 'yolo10-burn-*' -type f -printf '%P\n' | LC_ALL=C sort | xargs sha256sum | tee SHA256SUMS
