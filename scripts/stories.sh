#!/usr/bin/env bash
# Stock clients and a headless browser against the server that was just built.
set -euo pipefail
cd "$(dirname "$0")/../tests/stories"
node --test --test-concurrency=1 --test-reporter=spec ./*.test.mjs
