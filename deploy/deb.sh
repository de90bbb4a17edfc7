#!/usr/bin/env bash
# The Debian package, in target/packages, from this machine's archive, which it makes first: `make deb`.
#
#   deploy/deb.sh [--test]
#
# With --test lintian reads the Debian package, which is then installed, run and removed again: that takes root.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${CARGO_TARGET_DIR:-target}
host=$(rustc -vV | sed -n 's/^host: //p')
deploy/dist.sh "$host"

version=$(cargo pkgid --package yolo10-burn-cli | sed 's/.*[@#]//')
content=$folder/dist/deb
rm -rf "$content" "$folder/packages"
mkdir -p "$folder/packages"
cp -r "$folder/dist/yolo10-burn-$version-$host" "$content"
cat >"$content/changelog" <<END
yolo10-burn ($version-1) unstable; urgency=medium

  * What is new stands in the project's CHANGELOG.md.

 -- $(sed -n 's/^maintainer = "\(.*\)"/\1/p' yolov10-cli/Cargo.toml)  $(git log -1 --format=%cD)
END
{
    echo "Under the MIT licence, below, or the Apache licence 2.0, in /usr/share/common-licenses/Apache-2.0, at your choice."
    echo "THIRD-PARTY-LICENCES.txt beside this file has the licences of what is linked in."
    printf '\n%s\n\n' "$(cat LICENSE-MIT)"
    cat NOTICES.md
} >"$content/licence"
cargo deb --version >/dev/null 2>&1 || cargo install --locked cargo-deb
cargo deb --quiet --package yolo10-burn-cli --no-build --output "$folder/packages" >&2
package=$(echo "$folder"/packages/*.deb)
ls -l "$package"
[ "${1:-}" = --test ] || exit 0

type lintian >/dev/null 2>&1 || apt-get install -y --no-install-recommends lintian >&2
lintian --fail-on error --allow-root "$package"

! dpkg -s yolo10-burn >/dev/null 2>&1
trap 'dpkg --purge yolo10-burn >/dev/null' EXIT
apt-get install -y "./$package" >&2
[ -z "$(dpkg-query --show --showformat='${Conffiles}' yolo10-burn)" ]
cd /
/usr/bin/yolo10-burn run --json --no-save | grep -q '"car"'
for file in man/man1/yolo10-burn-run.1.gz bash-completion/completions/yolo10-burn zsh/vendor-completions/_yolo10-burn \
    fish/vendor_completions.d/yolo10-burn.fish doc/yolo10-burn/copyright; do
    [ -s "/usr/share/$file" ]
done
MANPAGER=cat man yolo10-burn-run >/dev/null
dpkg --purge yolo10-burn >&2
trap - EXIT
[ ! -e /usr/bin/yolo10-burn ] && [ ! -e /usr/share/doc/yolo10-burn ]
echo "the package installs, finds the built-in picture's objects, and leaves nothing behind"
