#!/usr/bin/env bash
# Installs what bnlab needs and this system lacks, from the distribution's own packages.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: scripts/setup.sh [--tests] [--fuzz] [--list]

Installs the missing Debian or Ubuntu packages that bnlab needs. If none is missing, it does nothing, and needs neither
root nor a network.

  --tests   also the packages for the tests: GoogleTest, PyTorch for the comparison (large), shellcheck and others
  --fuzz    also the packages for scripts/fuzz.sh: clang with libFuzzer and the sanitizers
  --list    only print the names of the packages
  --help    this text
EOF
}

required=(g++ cmake ninja-build pkg-config libdnnl-dev ocl-icd-opencl-dev libcli11-dev nlohmann-json3-dev
          libspdlog-dev libfmt-dev libisal-dev libzip-dev libssl-dev librandom123-dev libboost-dev
          python3 python3-numpy python3-scipy python3-matplotlib python3-jinja2 python3-plotly)
optional=(dataset-fashion-mnist)
test_required=(libgtest-dev zlib1g-dev)
fuzz_required=(clang libclang-rt-dev libomp-dev zlib1g-dev)
# OpenBLAS: PyTorch would otherwise multiply matrices with the reference BLAS, ten times slower.
test_optional=(python3-torch libopenblas0-pthread python3-jsonschema chromium shellcheck flake8 clang-format-14)

# What it means that an optional package is not there, and what to do without it.
without() {
  case $1 in
    dataset-fashion-mnist) echo "scripts/fetch_data.sh fashion_mnist downloads the data instead." ;;
    python3-torch) echo "The comparison with PyTorch is skipped; everything else works." ;;
    libopenblas0-pthread) echo "PyTorch is slow then, and scripts/bench.py compares with a slow PyTorch." ;;
    chromium) echo "The test of the pages in a browser is skipped." ;;
    python3-jsonschema) echo "The test of the schemas is skipped." ;;
    shellcheck | flake8 | clang-format-14) echo "That check of scripts/lint.sh is skipped." ;;
  esac
}

say() { printf 'setup.sh: %s\n' "$*"; }
die() { printf 'setup.sh: %s\n' "$*" >&2; exit 1; }

list=false
for argument; do
  case $argument in
    --tests) required+=("${test_required[@]}") optional+=("${test_optional[@]}") ;;
    --fuzz) required+=("${fuzz_required[@]}") ;;
    --list) list=true ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; printf 'setup.sh: unknown argument: %s\n' "$argument" >&2; exit 2 ;;
  esac
done

if $list; then
  printf '%s\n' "${required[@]}" "${optional[@]}"
  exit 0
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  say "this system has no apt. Install the contents of these Debian packages, then run cmake --preset release:"
  printf '  %s\n' "${required[@]}"
  say "and, if available:"
  for package in "${optional[@]}"; do
    printf '  %-22s without it: %s\n' "$package" "$(without "$package")"
  done
  exit 1
fi

# For scripts/fetch_data.sh: either will do.
command -v curl >/dev/null || command -v wget >/dev/null || required+=(curl ca-certificates)

installed() { [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

missing=() missing_optional=()
for package in "${required[@]}"; do
  installed "$package" || missing+=("$package")
done
for package in "${optional[@]}"; do
  installed "$package" || missing_optional+=("$package")
done
if ((${#missing[@]} + ${#missing_optional[@]} == 0)); then
  say "nothing is missing"
  exit 0
fi

as_root=()
if [[ $(id -u) != 0 ]]; then
  command -v sudo >/dev/null ||
    die "missing: ${missing[*]} ${missing_optional[*]}. Neither root nor sudo is available: install them as root first."
  as_root=(sudo)
fi
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300)
install=("${apt[@]}" install --yes --no-install-recommends)

"${apt[@]}" update --quiet || say "apt-get update failed; trying with the existing package lists"
if ((${#missing[@]})); then
  say "installing: ${missing[*]}"
  "${install[@]}" "${missing[@]}" || die "apt-get could not install all of: ${missing[*]}"
fi
# One by one, so that a package the distribution does not offer takes nothing else with it.
for package in "${missing_optional[@]}"; do
  if ! apt-get install --simulate --no-install-recommends "$package" >/dev/null 2>&1; then
    say "$package is not offered by this distribution. $(without "$package")"
  else
    say "installing: $package"
    "${install[@]}" "$package" || say "$package could not be installed. $(without "$package")"
  fi
done
say "done"
