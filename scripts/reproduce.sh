#!/usr/bin/env bash
# Sets up, builds, runs experiments, draws their figures and shows the verdicts.
set -euo pipefail

# The headline claims, in the order of the figures' list at the end.
tour=(faster_training higher_learning_rate initialization_robustness saturating_nonlinearity gradient_explosion_rate
      population_statistics)

usage() {
  cat <<'END'
usage: scripts/reproduce.sh [--all | --full] [--only NAME] [--jobs N] [--out DIR]

Installs missing packages (scripts/setup.sh), builds bnlab, runs experiments on real data, draws their figures, and
prints the table of verdicts. Finished runs are kept, and interrupted ones continue. With no options it runs the quick
profiles of six claims on Fashion-MNIST: faster training, higher learning rates, poor initialization, saturating
sigmoids, the gradients of a deep network, small batches. After the build this takes about four minutes on two cores.
The output of apt and of the build is written to build/reproduce.log, and shown after a failure.

  --all        the quick profiles of all experiments: about 30 minutes
  --full       the full profiles: about 14 hours; fetches MNIST
  --only NAME  only experiments whose names match, such as 'faster*'; may be repeated
  --jobs N     number of simultaneous runs (default: one for each core)
  --out DIR    folder of the experiments' directories (default: results/quick; results with --full)
  --help       this text

Examples:
  scripts/reproduce.sh
  scripts/reproduce.sh --full --only 'faster*'

Exit status: 0 done, for any verdicts; 1 a run failed; 2 usage; 3 data missing; 130 interrupted.
END
}

say() { printf 'reproduce.sh: %s\n' "$*"; }
misused() { usage >&2; printf 'reproduce.sh: %s\n' "$*" >&2; exit 2; }

profile=quick all=false out='' only=() options=() without_tests=()
while (($#)); do
  case $1 in
    --all) all=true ;;
    --full) profile=full all=true ;;
    --only) (($# > 1)) || misused "$1 needs a value"; only+=("$2"); shift ;;
    --jobs) (($# > 1)) || misused "$1 needs a value"; options+=("$1" "$2"); shift ;;
    --out) (($# > 1)) || misused "--out needs a directory"; out=$(realpath -m -- "$2"); shift ;;
    --help | -h) usage; exit 0 ;;
    *) misused "unknown argument: $1" ;;
  esac
  shift
done
$all || ((${#only[@]})) || only=("${tour[@]}")
for name in "${only[@]}"; do options+=(--only "$name"); done

if [[ -d ${BNLAB_DATA:-} ]]; then # stays right after the change of folder
  BNLAB_DATA=$(cd -- "$BNLAB_DATA" && pwd)
  export BNLAB_DATA
fi
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
bnlab=build/release/bnlab log=build/reproduce.log
if [[ -z $out ]]; then
  out=results
  [[ $profile == full ]] || out+=/$profile
fi
mkdir -p build
: >"$log"

# quietly WHAT COMMAND...: its output goes to the log; on a terminal the log's last line is shown while it runs.
ticker=''
quietly() {
  local what=$1 begin=$SECONDS status=0
  shift
  if [[ -t 1 && ${TERM:-} != dumb ]]; then
    while sleep 1; do printf '\r\033[K%s: %s' "$what" "$(tail -n 1 -- "$log" | tr -cd '[:print:]' | cut -c1-60)"; done &
    ticker=$!
  fi
  "$@" >>"$log" 2>&1 || status=$?
  if [[ -n $ticker ]]; then
    kill "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    ticker=''
    printf '\r\033[K'
  fi
  if ((status)); then
    say "$what failed; the end of its output follows, $log has all of it:" >&2
    tail -n 40 -- "$log" >&2
  else
    say "$what: done in $((SECONDS - begin)) s"
  fi
  return "$status"
}
trap '[[ -z $ticker ]] || kill "$ticker" 2>/dev/null || true' EXIT

need() { # DATASET
  ! "$bnlab" list datasets | grep -q "^$1 .*not found" || quietly "fetching $1" scripts/fetch_data.sh "$1" || {
    say "no $1" >&2
    exit 3
  }
}

# Whether the experiment NAME belongs to this call.
is_wanted() { # NAME
  local pattern
  ((${#only[@]})) || return 0
  for pattern in "${only[@]}"; do
    # shellcheck disable=SC2053 # it is a pattern
    [[ $1 != $pattern ]] || return 0
  done
  return 1
}

quietly "installing what is missing" scripts/setup.sh
# GoogleTest is not installed for this; a folder that has tests in it keeps them.
[[ -e build/release/tests/bnlab_tests ]] || without_tests=(-DBNLAB_TESTS=OFF)
quietly "configuring" cmake --preset release "${without_tests[@]}"
quietly "building" cmake --build --preset release --target bnlab --parallel "$(nproc)"
need fashion_mnist
[[ $profile == quick ]] || need mnist

SECONDS=0
status=0
verdicts=$("$bnlab" reproduce --profile "$profile" --out "$out" "${options[@]}") || status=$?
if ((status > 1)); then # a run that failed leaves the others, and the table names it
  printf '%s\n' "$verdicts"
  exit "$status"
fi

figures=() sweeps=()
for experiment in "$out"/*/experiment.json; do
  folder=$(dirname -- "$experiment")
  is_wanted "$(basename -- "$folder")" || continue
  sweeps+=("$folder")
  if quietly "drawing $(basename -- "$folder")" python3 scripts/plot.py "$folder"; then
    figures+=("$folder/figure.png")
  else
    status=1
  fi
done
quietly "making the pages" python3 scripts/report.py "${sweeps[@]}" --out "$out/pages" || status=1
printf '%s\n' "$verdicts"
say "done in $((SECONDS / 60)) min $((SECONDS % 60)) s after the build. Look at:"
printf '  %s\n' "$out/pages/index.html" "${figures[@]}"
cat <<END
  $out/NAME/runs.csv, with a row for each run; $out/NAME/runs/ has the curves
  results/README.md: what the full profiles found
END
$all || say "--all runs the quick profiles of all experiments, --full the full ones."
exit "$status"
