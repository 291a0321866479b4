#!/usr/bin/env bash
# Makes the Debian package.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: scripts/package.sh [--install] [--help]

Installs missing packages (scripts/setup.sh, dpkg-dev, file), builds the release preset and makes the Debian package
bnlab_VERSION_ARCHITECTURE.deb in build/package. The last line of the output is its path.

  --install   also install the package with apt, and test the installed bnlab in an empty folder: its networks, configs,
              experiments, manual page and completions, and a run of two steps
  --help      this text

Examples:
  scripts/package.sh
  scripts/package.sh --install && bnlab train first_experiment && sudo apt-get remove bnlab
EOF
}

install=false
for argument; do
  case $argument in
    --install) install=true ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; printf 'package.sh: unknown argument: %s\n' "$argument" >&2; exit 2 ;;
  esac
done
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
say() { printf 'package.sh: %s\n' "$*"; }
root=(env)
[[ $(id -u) == 0 ]] || root=(sudo env)
apt() { "${root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install --yes --quiet --no-install-recommends "$@"; }

scripts/setup.sh
{ command -v dpkg-shlibdeps && command -v file; } >/dev/null || apt dpkg-dev file
# GoogleTest is not installed for this; a folder that has tests in it keeps them.
options=()
[[ -e build/release/tests/bnlab_tests ]] || options=(-DBNLAB_TESTS=OFF)
cmake --preset release "${options[@]}"
cmake --build --preset release --target bnlab bnlab_documentation --parallel "$(nproc)"
rm -rf build/package
cpack --config build/release/CPackConfig.cmake -B build/package
package=$(echo "$PWD"/build/package/*.deb)

try() {
  local listed
  folder=$(mktemp -d)
  trap 'rm -rf -- "$folder"' EXIT
  cd -- "$folder"
  [[ $(type -P bnlab) == /usr/bin/bnlab ]] || { say "bnlab is $(type -P bnlab), not /usr/bin/bnlab"; return 1; }
  env -u BNLAB_CONFIGS bnlab train drawn_digits --set training.steps=2 --out run --quiet
  env -u BNLAB_CONFIGS bnlab sweep position --dry-run >plan
  [[ -s run/weights.npz && -s plan ]]
  # What the package holds: small images of a system leave out manual pages as they install.
  listed=$(dpkg --listfiles bnlab)
  for file in bash-completion/completions/bnlab zsh/vendor-completions/_bnlab fish/vendor_completions.d/bnlab.fish \
    man/man1/bnlab.1; do
    grep -qxF "/usr/share/$file" <<<"$listed" || { say "/usr/share/$file is not in the package"; return 1; }
  done
}

if $install; then
  apt --reinstall "$package"
  (set -e; try)
  say "installed and tested"
fi
echo "$package"
