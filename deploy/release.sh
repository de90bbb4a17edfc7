#!/usr/bin/env bash
# Everything that is checked before a release, as docs/releasing.md has it. Changes nothing but target/.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
toolchain=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
wrong() {
    echo "error: $*" >&2
    exit 1
}

[ -z "$(git status --porcelain)" ] || wrong "there are changes that are not committed"
grep -q "^## $version\$" CHANGELOG.md || wrong "CHANGELOG.md has no section $version"
others=$(grep -E '^[a-z0-9-]+ = \{ path = .*version = ' Cargo.toml | grep -v "version = \"$version\"" || true)
[ -z "$others" ] || wrong "Cargo.toml: expected version $version in: $others"

make check
make deny
# The oldest toolchain that is promised, which stands in Cargo.toml alone.
cargo "+$toolchain" check --release --locked --workspace
# What has changed in the libraries' public names against the last release, and whether the version says so.
if last=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null); then
    cargo semver-checks --version >/dev/null 2>&1 || cargo install --locked cargo-semver-checks
    cargo semver-checks --workspace --release-type "${RELEASE_TYPE:-minor}" --baseline-rev "$last"
fi
make neon
deploy/publish.sh --check
deploy/dist.sh
deploy/deb.sh --test
deploy/rpm.sh --test
echo "$version is ready: git tag v$version, deploy/publish.sh --execute, and target/dist and target/packages to the release"
