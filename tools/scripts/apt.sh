#!/usr/bin/env bash
# Installs the Debian packages named on the command line that are missing.
# Says what it does; asks for root only when something is missing.
set -euo pipefail
missing=()
for p in "$@"; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0
sudo=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "apt: as root, run: apt-get install ${missing[*]}" >&2; exit 1; }
  sudo=sudo
fi
echo "apt: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get -qq -o DPkg::Lock::Timeout=120 update
$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "${missing[@]}" >/dev/null
echo "apt: done"
