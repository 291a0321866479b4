#!/usr/bin/env bash
# Sets up, builds, runs the experiments, draws their figures and shows the verdicts.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: scripts/reproduce.sh [--full] [--only NAME] [--jobs N] [--out DIR]

Installs what is missing (scripts/setup.sh), builds bnlab, runs every experiment of experiments/ with its quick profile
(Fashion-MNIST, some twelve minutes on two cores), draws each one's figure, and ends with the table of verdicts. What is
finished is kept, what was interrupted goes on.

  --full       the full profiles: what each claim deserves, some four hours; fetches MNIST
  --only NAME  only experiments whose name fits, such as 'faster*'; may be given again
  --jobs N     runs at the same time (default: one a core)
  --out DIR    where the experiments get their directories (default: results/quick, or results for --full)
  --help       this text

Exit status: 0 done, whatever the verdicts are; 1 a run failed; 2 usage; 3 data missing; 130 interrupted.
EOF
}

say() { printf 'reproduce.sh: %s\n' "$*"; }
misused() { usage >&2; printf 'reproduce.sh: %s\n' "$*" >&2; exit 2; }

profile=quick out='' options=()
while (($#)); do
  case $1 in
    --full) profile=full ;;
    --only | --jobs) (($# > 1)) || misused "$1 needs a value"; options+=("$1" "$2"); shift ;;
    --out) (($# > 1)) || misused "--out needs a directory"; out=$(realpath -m -- "$2"); shift ;;
    --help | -h) usage; exit 0 ;;
    *) misused "unknown argument: $1" ;;
  esac
  shift
done

if [[ -d ${BNLAB_DATA:-} ]]; then # stays right after the change of folder
  BNLAB_DATA=$(cd -- "$BNLAB_DATA" && pwd)
  export BNLAB_DATA
fi
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
bnlab=build/release/bnlab
if [[ -z $out ]]; then
  out=results
  [[ $profile == full ]] || out+=/$profile
fi

build() {
  local options=()
  # GoogleTest is not installed for this; a folder that has tests in it keeps them.
  [[ -e build/release/tests/bnlab_tests ]] || options=(-DBNLAB_TESTS=OFF)
  cmake --preset release "${options[@]}"
  cmake --build --preset release --target bnlab --parallel "$(nproc)"
}

need() { # DATASET
  ! "$bnlab" list datasets | grep -q "^$1 .*not found" || scripts/fetch_data.sh "$1" || {
    say "no $1" >&2
    exit 3
  }
}

SECONDS=0
scripts/setup.sh
build
need fashion_mnist
[[ $profile == quick ]] || need mnist

status=0
verdicts=$("$bnlab" reproduce --profile "$profile" --out "$out" "${options[@]}") || status=$?
if ((status > 1)); then # a run that failed leaves the others, and the table names it
  printf '%s\n' "$verdicts"
  exit "$status"
fi

for experiment in "$out"/*/experiment.json; do
  python3 scripts/plot.py "$(dirname -- "$experiment")" || { say "no figure of $experiment" >&2; status=1; }
done
printf '%s\n' "$verdicts"
say "done in $((SECONDS / 60)) min $((SECONDS % 60)) s"
exit "$status"
