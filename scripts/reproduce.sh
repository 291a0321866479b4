#!/usr/bin/env bash
# Reproduces figure 1 of Ioffe & Szegedy (2015): the same network with and without batch normalization.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: scripts/reproduce.sh [--dataset NAME] [--steps N] [--force]

Installs what is missing, builds bnlab, trains both arms of the figure (50,000 steps each, side by side, one thread
each), draws the figures and prints a summary. MNIST is used where it is found, Fashion-MNIST otherwise.
A finished run is kept, an interrupted one continued.

  --dataset NAME  mnist or fashion_mnist, whatever is found
  --steps N       a short trial, in a folder of its own
  --force         train again, also what is finished
  --help          this text

Everything is written to results/figure1 (results/figure1_mnist for MNIST, with _N_steps behind it for a trial).
Exit status: 0 done; 1 a run failed; 2 usage; 3 data missing; 130 interrupted.
EOF
}

say() { printf 'reproduce.sh: %s\n' "$*"; }
warn() { printf 'reproduce.sh: %s\n' "$*" >&2; }
misused() { usage >&2; warn "$*"; exit 2; }

dataset='' steps='' force=false
while (($#)); do
  case $1 in
    --dataset) (($# > 1)) || misused "--dataset needs a name"; dataset=$2; shift ;;
    --steps) (($# > 1)) || misused "--steps needs a number"; steps=$2; shift ;;
    --force) force=true ;;
    --help | -h) usage; exit 0 ;;
    *) misused "unknown argument: $1" ;;
  esac
  shift
done
[[ $steps =~ ^([1-9][0-9]*)?$ ]] || misused "--steps needs a number of at least 1, got $steps"
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

last_step() { # RUN
  local row
  row=$(tail -n 1 -- "$1/train.csv" 2>/dev/null || true)
  row=${row%%,*}
  [[ $row =~ ^[0-9]+$ ]] || row=0
  echo "$row"
}

pids=()
stop_runs() { # they write down where they are, and can be continued
  trap '' INT TERM HUP
  warn "stopping; the next call continues"
  ((${#pids[@]} == 0)) || kill -TERM "${pids[@]}" 2>/dev/null || true
  wait
  exit "$1"
}

# Trains the arms that are not finished, side by side.
train() { # FOLDER
  local folder=$1 arm config run how status
  local started=() total tick line
  pids=()
  mkdir -p -- "$folder"
  trap 'stop_runs 130' INT
  trap 'stop_runs 143' TERM HUP
  for arm in "${arms[@]}"; do
    config=configs/figure1_$arm.json run=$folder/$arm how=()
    status=$(status_of "$run")
    if $force; then
      how=(--force)
    elif [[ $status == completed || $status == diverged ]]; then
      say "$run is there ($status); --force trains it again"
      [[ ! $config -nt $run/run.json ]] || say "note: $config is newer than this run"
      continue
    elif [[ -e $run/checkpoint.npz ]]; then
      how=(--resume)
    elif [[ -d $run ]]; then
      how=(--force) # stopped before there was anything to continue
    fi
    [[ -z $steps ]] || how+=(--set "training.steps=$steps")
    say "training $run${how[*]:+ ${how[*]}} (log: $run.log)"
    # In a process group of its own: Ctrl-C reaches this script alone, which then stops both runs, once.
    setsid "$bnlab" train "$config" --set "dataset.name=$dataset" "${how[@]}" --out "$run" --threads 1 \
      >"$run.log" 2>&1 &
    pids+=($!)
    started+=("$arm")
  done
  ((${#started[@]})) || return 0

  total=${steps:-$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["training"]["steps"])' \
    "configs/figure1_${started[0]}.json")}
  for ((tick = 1; ; ++tick)); do
    [[ -n $(jobs -rp) ]] || break
    if ((tick % 10 == 0)); then
      line=''
      for arm in "${started[@]}"; do
        line+=", $arm $(last_step "$folder/$arm")"
      done
      say "steps of $total: ${line#, }"
    fi
    sleep 1
  done

  local worst=0 i
  for i in "${!started[@]}"; do
    status=0
    wait "${pids[i]}" || status=$?
    if ((status)); then
      warn "$folder/${started[i]} ended with status $status:"
      tail -n 15 -- "$folder/${started[i]}.log" >&2
      worst=$status
    fi
  done
  trap - INT TERM HUP
  ((worst == 0)) || exit "$worst"
}

figure1() {
  local folder=results/figure1 level=0.80
  [[ $dataset == fashion_mnist ]] || folder+=_$dataset
  [[ $dataset == mnist ]] && level=0.95
  [[ -z $steps ]] || folder+=_${steps}_steps
  train "$folder"
  local runs=("${arms[@]/#/$folder/}")
  python3 scripts/plot.py "${runs[@]}" --out "$folder"
  echo
  python3 scripts/summary.py "${runs[@]}" --accuracy "$level" --figures "$folder"
}

SECONDS=0
scripts/setup.sh
build
choose_dataset
figure1
say "done in $((SECONDS / 60)) min $((SECONDS % 60)) s"
