#!/usr/bin/env bash
# Makes the Debian package in target/debian from the release build: `make deb`.
set -euo pipefail
cd "$(dirname "$0")/.."
version=3.8.0
tools=$PWD/target/tools
if [ "$("$tools/bin/cargo-deb" --version 2>/dev/null)" != "cargo-deb $version" ]; then
  echo "installing cargo-deb $version into target/tools (once)"
  cargo install --quiet --locked --version "$version" --root "$tools" cargo-deb
fi
rm -rf target/deb target/debian
mkdir -p target/deb
target/release/folkmoot manual target/deb/man
gzip -9n target/deb/man/*.1
target/release/folkmoot completions bash > target/deb/folkmoot.bash
target/release/folkmoot completions zsh > target/deb/_folkmoot
target/release/folkmoot completions fish > target/deb/folkmoot.fish
"$tools/bin/cargo-deb" --quiet --no-build --no-strip --locked -p folkmoot -o target/debian/
ls -l target/debian/*.deb
