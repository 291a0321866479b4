#!/usr/bin/env bash
# Reproduces figure 1 of Ioffe & Szegedy (2015): the same network with and without batch normalization.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: scripts/reproduce.sh [--dataset NAME] [--steps N] [--seeds N] [--force]

Installs what is missing, builds bnlab, trains both arms of the figure (50,000 steps each, 3 seeds, one thread a run,
as many runs at a time as there are cores), draws the figures and prints a summary. MNIST is used where it is found,
Fashion-MNIST otherwise. A finished run is kept, an interrupted one continued.

  --dataset NAME  mnist or fashion_mnist, whatever is found
  --steps N       a short trial, in a folder of its own
  --seeds N       seeds 1 to N of each arm (default: 3)
  --force         train again, also what is finished
  --help          this text

Everything is written to results/figure1 (results/figure1_mnist for MNIST, with _N_steps behind it for a trial).
Exit status: 0 done; 1 a run failed; 2 usage; 3 data missing; 130 interrupted.
EOF
}

say() { printf 'reproduce.sh: %s\n' "$*"; }
warn() { printf 'reproduce.sh: %s\n' "$*" >&2; }
misused() { usage >&2; warn "$*"; exit 2; }

dataset='' steps='' seeds=3 force=false
while (($#)); do
  case $1 in
    --dataset) (($# > 1)) || misused "--dataset needs a name"; dataset=$2; shift ;;
    --steps) (($# > 1)) || misused "--steps needs a number"; steps=$2; shift ;;
    --seeds) (($# > 1)) || misused "--seeds needs a number"; seeds=$2; shift ;;
    --force) force=true ;;
    --help | -h) usage; exit 0 ;;
    *) misused "unknown argument: $1" ;;
  esac
  shift
done
[[ $steps =~ ^([1-9][0-9]*)?$ ]] || misused "--steps needs a number of at least 1, got $steps"
[[ $seeds =~ ^[1-9][0-9]?$ ]] || misused "--seeds needs a number from 1 to 99, got $seeds"
[[ $dataset =~ ^([a-z0-9_]+)?$ ]] || misused "--dataset: no data set is called $dataset"

if [[ -d ${BNLAB_DATA:-} ]]; then # stays right after the change of folder
  BNLAB_DATA=$(cd -- "$BNLAB_DATA" && pwd)
  export BNLAB_DATA
fi
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
bnlab=build/release/bnlab
arms=(without_normalization batch_normalization)

build() {
  local options=()
  # GoogleTest is not installed for this; a folder that has tests in it keeps them.
  [[ -e build/release/tests/bnlab_tests ]] || options=(-DBNLAB_TESTS=OFF)
  cmake --preset release "${options[@]}"
  cmake --build --preset release --target bnlab --parallel "$(nproc)"
}

found() { # DATASET
  "$bnlab" list datasets | awk -v name="$1" '$1 == name && !/not found/ { yes = 1 } END { exit !yes }'
}

choose_dataset() {
  if [[ -z $dataset ]]; then
    dataset=fashion_mnist
    ! found mnist || dataset=mnist
  fi
  if ! found "$dataset"; then
    say "$dataset is not here: fetching it"
    scripts/fetch_data.sh "$dataset" || { warn "no $dataset"; exit 3; }
  fi
}

status_of() { # RUN: completed, diverged, interrupted, failed, or nothing
  [[ -e $1/run.json ]] || return 0
  python3 -c 'import json, sys; print(json.load(open(sys.argv[1])).get("status", ""))' "$1/run.json" 2>/dev/null || true
}

pids=() names=() worst=0
stop_runs() { # they write down where they are, and can be continued
  trap '' INT TERM HUP
  warn "stopping; the next call continues"
  ((${#pids[@]} == 0)) || kill -TERM "${pids[@]}" 2>/dev/null || true
  wait
  exit "$1"
}

# How a run has to be started: --force, --resume or nothing; fails where it is finished.
how_to_start() { # RUN CONFIG
  local status
  status=$(status_of "$1")
  if $force; then
    echo --force
  elif [[ $status == completed || $status == diverged ]]; then
    say "$1 is there ($status); --force trains it again" >&2
    [[ ! $2 -nt $1/run.json ]] || say "note: $2 is newer than this run" >&2
    return 1
  elif [[ -e $1/checkpoint.npz ]]; then
    echo --resume
  elif [[ -d $1 ]]; then
    echo --force # stopped before there was anything to continue
  fi
}

wait_for_one() { # the run that ends first; says so where it failed
  local status=0 ended=0 i
  wait -n -p ended "${pids[@]}" || status=$?
  for i in "${!pids[@]}"; do
    [[ ${pids[i]} == "$ended" ]] || continue
    if ((status)); then
      warn "${names[i]} ended with status $status:"
      tail -n 15 -- "${names[i]}.log" >&2
      worst=$status
    else
      say "$(tail -n 1 -- "${names[i]}.log")"
    fi
    unset 'pids[i]' 'names[i]'
  done
  pids=("${pids[@]}")
  names=("${names[@]}")
}

# Trains the runs that are not finished, as many at a time as there are cores.
train() { # FOLDER
  local folder=$1 arm seed config run how
  pids=() names=() worst=0
  mkdir -p -- "$folder"
  trap 'stop_runs 130' INT
  trap 'stop_runs 143' TERM HUP
  for ((seed = 1; seed <= seeds; ++seed)); do
    for arm in "${arms[@]}"; do
      config=configs/figure1_$arm.json run=$folder/$arm-$seed
      how=$(how_to_start "$run" "$config") || continue
      how=(${how:+"$how"})
      [[ -z $steps ]] || how+=(--set "training.steps=$steps")
      ((${#pids[@]} < $(nproc))) || wait_for_one
      say "training $run${how[*]:+ ${how[*]}} (log: $run.log)"
      # In a process group of its own: Ctrl-C reaches this script alone, which then stops the runs, once.
      setsid "$bnlab" train "$config" --set "dataset.name=$dataset" --seed "$seed" "${how[@]}" --out "$run" --threads 1 \
        >"$run.log" 2>&1 &
      pids+=($!)
      names+=("$run")
    done
  done
  while ((${#pids[@]})); do wait_for_one; done
  trap - INT TERM HUP
  ((worst == 0)) || exit "$worst"
}

figure1() {
  local folder=results/figure1 level=0.80 seed
  local baseline=() arm=()
  [[ $dataset == fashion_mnist ]] || folder+=_$dataset
  [[ $dataset == mnist ]] && level=0.95
  [[ -z $steps ]] || folder+=_${steps}_steps
  train "$folder"
  for ((seed = 1; seed <= seeds; ++seed)); do
    baseline+=("$folder/without_normalization-$seed")
    arm+=("$folder/batch_normalization-$seed")
  done
  python3 scripts/plot.py "${baseline[@]}" "${arm[@]}" --out "$folder"
  echo
  python3 scripts/summary.py --baseline "${baseline[@]}" --arm "${arm[@]}" --accuracy "$level" --figures "$folder"
}

SECONDS=0
scripts/setup.sh
build
choose_dataset
figure1
say "done in $((SECONDS / 60)) min $((SECONDS % 60)) s"
