#!/usr/bin/env bash
# Installs the Debian packages that are missing. Says what, and asks before it
# uses sudo; as root or with CI=true it does not ask.
#   scripts/setup.sh run    what building and running needs
#   scripts/setup.sh test   that, and what the tests drive (a browser, stock XMPP clients)
#   scripts/setup.sh peers  what is needed to run, and the servers that it is compared with
#   scripts/setup.sh node   only checks Node.js
set -euo pipefail

node_is_new_enough() {
  command -v node >/dev/null || return 1
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
}

if ! command -v cargo >/dev/null; then
  echo "Rust is missing: install Rust 1.95 or newer (https://rustup.rs), then run this again." >&2
  exit 1
fi
if ! node_is_new_enough; then
  echo "Node.js 20.19 or newer is needed, found $(node --version 2>/dev/null || echo none): install it (https://nodejs.org), then run this again." >&2
  exit 1
fi
[ "${1:-run}" = node ] && exit 0

wanted=(gcc:gcc make:make)
if [ "${1:-run}" = test ]; then
  wanted+=(chromium:chromium python3:python3 curl:curl profanity:profanity tmux:tmux dbus-daemon:dbus-daemon)
  wanted+=(libervia-backend:libervia-backend libervia-cli:libervia-cli)
  # A component: the gateway to IRC.
  wanted+=(biboumi:biboumi)
  # The throw-away machines of the documents' commands have systemd as their first process.
  wanted+=(unshare:util-linux systemctl:systemd ps:procps)
  # The package's dependencies are read from the program.
  wanted+=(dpkg-shlibdeps:dpkg-dev adduser:adduser)
  # A certificate authority to run against.
  wanted+=(pebble:pebble)
fi
[ "${1:-run}" = peers ] && wanted+=(prosody:prosody ejabberdctl:ejabberd)

missing=()
for pair in "${wanted[@]}"; do
  command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
# The C library's headers are a package of their own.
[ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
if [ "${1:-run}" = test ] && ! /usr/bin/python3 -c 'import slixmpp' 2>/dev/null; then
  missing+=(python3 python3-slixmpp)
fi
if [ "${1:-run}" = test ] && ! /usr/bin/python3 -c 'import aioxmpp' 2>/dev/null; then
  missing+=(python3 python3-aioxmpp)
fi
if [ "${1:-run}" = test ]; then
  # It lies in /usr/sbin, where not everybody looks.
  [ -x /usr/sbin/nginx ] || missing+=(nginx-light)
  [ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || missing+=(libnginx-mod-stream)
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "These are missing, and this is no Debian: ${missing[*]}. Install them, then run this again." >&2
  exit 1
fi
echo "To be installed from Debian: ${missing[*]}"
sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "Run as root: apt-get install ${missing[*]}" >&2; exit 1; }
  sudo=(sudo)
  if [ "${CI:-}" != true ]; then
    read -r -p "Install them with sudo? [y/N] " answer
    [[ "$answer" =~ ^[Yy] ]] || { echo "Nothing installed." >&2; exit 1; }
  fi
fi
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"

# Debian starts a server that it installs; the comparison and the tests start their own.
if [ -d /run/systemd/system ]; then
  for package in "${missing[@]}"; do
    case "$package" in
    prosody | ejabberd | biboumi) "${sudo[@]}" systemctl disable --now "$package" ;;
    esac
  done
fi
