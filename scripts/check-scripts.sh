#!/usr/bin/env bash
# Every shell script parses; every script is executable.
set -euo pipefail
cd "$(dirname "$0")/.."
for script in .ci/run scripts/*.sh; do
  bash -n "$script"
  [ -x "$script" ] || { echo "$script is not executable" >&2; exit 1; }
done
