#!/usr/bin/env bash
# Runs README's two commands in a fresh Debian, made for it.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: scripts/test-debian13.sh [--root DIR] [RELEASE [COMMAND...]]

Makes a minimal Debian root of RELEASE (default: trixie, which is Debian 13; bookworm is Debian 12) with debootstrap, from
the package source of this machine, clones the last commit into it, and runs each COMMAND in the clone (default:
scripts/test.sh and scripts/reproduce.sh). Needs root; installs debootstrap where it is missing. A root that is there
already is used again, with a new clone. Where BNLAB_DATA is set, that folder is seen in it too, read-only.

  --root DIR   where the root goes (default: build/roots/RELEASE)
  --help       this text

Examples:
  scripts/test-debian13.sh
  scripts/test-debian13.sh bookworm scripts/test.sh
  scripts/test-debian13.sh trixie 'scripts/test.sh --quick'

Exit status: 0 all commands passed; 1 one failed, or the root could not be made; 2 usage.
EOF
}

say() { printf 'test-debian13.sh: %s\n' "$*"; }
die() { printf 'test-debian13.sh: %s\n' "$*" >&2; exit "${status:-1}"; }

root=''
while (($#)); do
  case $1 in
    --root) (($# > 1)) || status=2 die "--root: needs a folder"; root=$2; shift 2 ;;
    --help | -h) usage; exit 0 ;;
    -*) usage >&2; status=2 die "unknown argument: $1" ;;
    *) break ;;
  esac
done
release=${1:-trixie}
(($#)) && shift
(($#)) || set -- scripts/test.sh scripts/reproduce.sh
[[ $release =~ ^[a-z]+$ ]] || status=2 die "RELEASE: must be a name such as trixie, got $release"

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
[[ $(id -u) == 0 ]] || die "needs root, for debootstrap and chroot"
root=$(realpath --canonicalize-missing -- "${root:-build/roots/$release}")

if ! command -v debootstrap >/dev/null; then
  say "installing: debootstrap"
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends debootstrap
fi
# shellcheck disable=SC2016  # a variable of apt's
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -E '/debian/?$' | head -n 1 || true)
mirror=${mirror:-http://deb.debian.org/debian}

made=$root/etc/made-by-test-debian13  # only of a whole root
if [[ -e $made ]]; then
  say "using $root again"
else
  [[ ! -e $root || -z $(ls -A -- "$root") ]] || die "$root exists and was not made by this script; remove it"
  say "making $root, $release from $mirror"
  mkdir -p -- "$root"
  debootstrap --variant=minbase --include=ca-certificates,git "$release" "$root" "$mirror" >"$root.debootstrap.log" 2>&1 ||
    die "debootstrap failed; see $root.debootstrap.log, and remove $root"
  touch -- "$made"
fi
# How this machine reaches its packages: proxies, and what it takes as valid.
apt-config dump Acquire >"$root/etc/apt/apt.conf.d/99machine"

mounted=()
unmount() {
  local i
  for ((i = ${#mounted[@]} - 1; i >= 0; --i)); do umount -- "${mounted[i]}" || umount --lazy -- "${mounted[i]}"; done
  mounted=()
}
trap unmount EXIT
bind() { # FROM TO [OPTIONS]
  mkdir -p -- "$root$2"
  mount --bind -- "$1" "$root$2"
  mounted+=("$root$2")
  if (($# > 2)); then mount -o "remount,bind,$3" -- "$root$2"; fi
}
mount -t proc proc "$root/proc"
mounted+=("$root/proc")
for folder in /sys /dev /dev/pts /dev/shm; do [[ -d $folder ]] && bind "$folder" "$folder"; done
inside=(HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM="${TERM:-dumb}")
for variable in http_proxy https_proxy no_proxy; do
  [[ -n ${!variable:-} ]] && inside+=("$variable=${!variable}")
done
if [[ -n ${BNLAB_DATA:-} ]]; then
  bind "$(realpath -- "$BNLAB_DATA")" /data ro
  inside+=(BNLAB_DATA=/data)
fi

rm -rf -- "$root/root/bnlab"
git clone --quiet --no-hardlinks -- . "$root/root/bnlab"
say "revision $(git rev-parse --short HEAD)$([[ -z $(git status --porcelain) ]] || echo ', local changes excluded')"

failed=()
for command; do
  say "$release: $command"
  begin=$SECONDS
  chroot -- "$root" env -i "${inside[@]}" bash -c "cd /root/bnlab && $command" || failed+=("$command")
  say "$release: $command took $(((SECONDS - begin) / 60)) min $(((SECONDS - begin) % 60)) s"
done
for command in "${failed[@]}"; do say "FAILED: $command"; done
((${#failed[@]} == 0))
