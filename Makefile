# `make check` is what CI runs.
.PHONY: check deny
check:
	.ci/run

# Licences, sources, bans and advisories of the dependencies; needs cargo-deny and, for the advisories, the network.
deny:
	cargo deny check
