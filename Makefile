# `make check` is what CI runs.
.PHONY: check deny neon campaign dist deb rpm publish-dry-run
check:
	.ci/run

# Broken inputs into everything that reads what strangers have made: see fuzz/README.md.
INPUTS = 20000
SEED = 1
campaign:
	cargo run --release --example campaign -- --inputs $(INPUTS) --seed $(SEED)

# Licences, sources, bans and advisories of the dependencies; needs cargo-deny and, for the advisories, the network.
deny:
	cargo deny check

# What the CPU engine computes with NEON's kernels, emulated on any Debian (its memory would be the emulator's).
neon:
	deploy/cross.sh aarch64-unknown-linux-gnu \
		cargo test --release --package yolov10-cpu --lib --test operations --test networks

# Archives of the program for every target, in target/dist: docs/install.md has the table.
dist:
	deploy/dist.sh

# The Debian package, the same for rpm, and what a registry would get.
deb:
	deploy/deb.sh
rpm:
	deploy/rpm.sh
publish-dry-run:
	deploy/publish.sh
