# What a person types here. Building and testing themselves are cargo's affair.

.DEFAULT_GOAL := help
.PHONY: help deps build deb rpm test sweep fuzz bench lint demo

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

deps: ## Install libvirt, QEMU and what else the tests use (root, where something is missing)
	@.ci/install-dependencies

build: ## Build the program, for debugging
	cargo build

deb: ## A Debian package, in target/package
	@packaging/build deb

rpm: ## An RPM, in target/package
	@packaging/build rpm

# Much of a test's time is waiting, for the disk and for libvirt: half as many again at once as there are
# processors. With twice as many, what has to happen in time (a backup that must not be over yet) did not.
test: deps ## All tests, against real libvirts of their own (root)
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((($$(nproc) * 3 + 1) / 2))} cargo test --all-targets --no-fail-fast

sweep: deps ## Every fault at every change of every verb, and a table of it (root; some hours)
	@tests/sweep-table target/tmp/sweep

fuzz: deps ## Every decoder and the world in memory on any bytes, a minute each
	@fuzz/run 60

bench: deps ## How fast, against virsh in the same run, and compared with the last result (root)
	cargo build --release --bin virt-retire --example journal_lines
	@tests/private-libvirt python3 -B tests/bench target/release/virt-retire \
		target/release/examples/journal_lines --json target/bench.json $(BENCH)

lint: ## Clippy, formatting, documentation and the fuzz targets, without a warning
	cargo clippy --all-targets -- -D warnings
	cargo fmt --check
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --document-private-items
	cargo check --manifest-path fuzz/Cargo.toml --locked --target-dir target

demo: deps build ## A guest is retired with its disks, and comes back and boots
	@tests/private-libvirt tests/demo
