#!/usr/bin/env bash
# Makes the Debian package in target/debian from what was built: `make deb`.
set -euo pipefail
cd "$(dirname "$0")/.."
version=3.8.0
profile=${PROFILE:-release}
tools=$PWD/target/tools
if [ "$("$tools/bin/cargo-deb" --version 2>/dev/null)" != "cargo-deb $version" ]; then
  echo "installing cargo-deb $version into target/tools (once)"
  cargo install --quiet --locked --version "$version" --root "$tools" cargo-deb
fi
rm -rf target/deb target/debian
mkdir -p target/deb
"target/$profile/folkmoot" manual target/deb/man
gzip -9n target/deb/man/*.1
"target/$profile/folkmoot" completions bash > target/deb/folkmoot.bash
"target/$profile/folkmoot" completions zsh > target/deb/_folkmoot
"target/$profile/folkmoot" completions fish > target/deb/folkmoot.fish
"$tools/bin/cargo-deb" --quiet --no-build --no-strip --profile "$profile" --locked -p folkmoot -o target/debian/
ls -l target/debian/*.deb
