# `make check` is what CI runs.
.PHONY: check deny neon campaign
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

# What the CPU engine computes with NEON's kernels, on any Linux (its memory would be the emulator's): needs
# `rustup target add aarch64-unknown-linux-gnu` and, of Debian's packages, qemu-user and gcc-aarch64-linux-gnu.
neon: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER = aarch64-linux-gnu-gcc
neon: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER = qemu-aarch64 -L /usr/aarch64-linux-gnu
neon:
	cargo test --release --package yolov10-cpu --target aarch64-unknown-linux-gnu --lib --test operations --test networks
