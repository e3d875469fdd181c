#!/usr/bin/env bash
# Types every command of the documents, and installs, upgrades and removes the Debian package, on throw-away copies of
# this machine. Making those (namespaces, an overlay over the root) needs root: anybody else is asked by sudo.
set -euo pipefail
cd "$(dirname "$0")/.."
sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "Run as root: make test-docs" >&2; exit 1; }
  echo "The commands of the documents run on throw-away machines, which root makes."
  sudo=(sudo --preserve-env=PATH,CARGO_HOME,RUSTUP_HOME,FOLKMOOT_BINARY)
fi
node=$(command -v node)
"${sudo[@]}" "$node" --test --test-concurrency=1 --test-reporter=spec tests/docs/*.test.mjs
