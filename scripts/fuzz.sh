#!/usr/bin/env bash
# Runs every fuzz target for FUZZ_SECONDS (default 60). libFuzzer needs a nightly
# compiler; with a stable one RUSTC_BOOTSTRAP=1 gives the same flags.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
command -v cargo-fuzz >/dev/null || { echo "installing cargo-fuzz (once)"; cargo install --locked cargo-fuzz; }
export RUSTC_BOOTSTRAP=1
for target in $(cargo fuzz list); do
  echo "== $target"
  cargo fuzz run --sanitizer none "$target" -- -max_total_time="${FUZZ_SECONDS:-60}" -max_len=65536 -rss_limit_mb=2048
done
