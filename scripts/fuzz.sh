#!/usr/bin/env bash
# Fuzzes the readers of files: configs, experiments, data, checkpoints, CSV.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: scripts/fuzz.sh [--minutes N] [TARGET...]

Installs missing packages (scripts/setup.sh --fuzz), builds the programs of tests/fuzz with clang, libFuzzer and the
address and undefined-behaviour sanitizers in build/fuzz, and runs the targets one after another. A target starts from
its seeds, its past findings and the corpus of earlier runs (build/fuzz/corpus/TARGET). A finding is any exception other
than bnlab's own errors, more than 2 GB of memory, or more than 20 seconds for a file. A target stops at its first
finding and keeps it in build/fuzz/findings/TARGET. The exit status is 1 after a finding.

  TARGET       config, experiment, idx, idx_gz, cifar, cifar100, npz, npz_dataset, csv; none: all of them
  --minutes N  time for each target (default: 10)
  --help       this text

Examples:
  scripts/fuzz.sh                        # 10 minutes of each target
  scripts/fuzz.sh --minutes 60 npz csv   # an hour of each of two
  build/fuzz/tests/fuzz/bnlab_fuzz_npz build/fuzz/findings/npz/crash-0123     # what a finding does
  build/fuzz/tests/fuzz/bnlab_fuzz_npz -minimize_crash=1 -max_total_time=60 build/fuzz/findings/npz/crash-0123

After a fix, add a small version of the finding to tests/fuzz/findings/TARGET; the tests replay it.
EOF
}

say() { printf 'fuzz.sh: %s\n' "$*"; }
refuse() {
  usage >&2
  printf 'fuzz.sh: %s\n' "$*" >&2
  exit 2
}

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
all=(config experiment idx idx_gz cifar cifar100 npz npz_dataset csv)
minutes=10
targets=()
while (($#)); do
  case $1 in
    --minutes)
      [[ ${2-} =~ ^[1-9][0-9]*$ ]] || refuse "--minutes: must be a whole number from 1, got ${2-nothing}"
      minutes=$2
      shift
      ;;
    --help | -h) usage; exit 0 ;;
    -*) refuse "unknown argument: $1" ;;
    *)
      [[ " ${all[*]} " == *" $1 "* ]] || refuse "TARGET: must be one of ${all[*]}, got $1"
      targets+=("$1")
      ;;
  esac
  shift
done
((${#targets[@]})) || targets=("${all[@]}")

build() {
  cmake -S . -B build/fuzz -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -g1" -DBNLAB_FUZZ=ON -DBNLAB_TESTS=OFF &&
    cmake --build build/fuzz --parallel "$(nproc)" --target "${targets[@]/#/bnlab_fuzz_}"
}

# Folders with more files to start from, beside the seeds.
more_files() { # TARGET
  case $1 in
    config) echo configs configs/networks ;;
    experiment) echo experiments ;;
  esac
}

# What libFuzzer puts in now and then: keys and names as JSON has them, columns as CSV has them.
dictionary() { # TARGET
  case $1 in
    config) cat configs/schema.json configs/network.schema.json ;;
    experiment) cat experiments/schema.json configs/schema.json ;;
    csv) sed 's/[",]/\n/g' tests/fuzz/seeds/csv/runs.csv tests/fuzz/seeds/csv/eval.csv ;;
  esac | case $1 in
    csv) grep -oE '^[a-z_]{3,40}$' | sed 's/.*/"&"/' ;;
    *) grep -oE '"[a-z0-9_.]{1,40}"' | sed 's/"\(.*\)"/"\\"\1\\""/' ;;
  esac | sort -u
}

fuzz() { # TARGET
  local corpus=build/fuzz/corpus/$1 findings=build/fuzz/findings/$1 words=build/fuzz/$1.dict
  local inputs=("$corpus" "tests/fuzz/seeds/$1") from
  mkdir -p "$corpus" "$findings"
  # shellcheck disable=SC2046 # the names of folders of this repository
  for from in "tests/fuzz/findings/$1" $(more_files "$1"); do
    if [[ -d $from ]]; then inputs+=("$from"); fi
  done
  local options=()
  if dictionary "$1" >"$words"; then options+=("-dict=$words"); fi
  "build/fuzz/tests/fuzz/bnlab_fuzz_$1" -max_total_time=$((60 * minutes)) -max_len=16384 -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$findings/" "${options[@]}" "${inputs[@]}" >"build/fuzz/$1.log" 2>&1
}

scripts/setup.sh --fuzz
say "building ${targets[*]}"
build || { say "FAILED: the build"; exit 1; }

# Files that are read by path are written to memory where that can be.
shared=/dev/shm
[[ -d $shared && -w $shared ]] || shared=${TMPDIR:-/tmp}
TMPDIR=$(mktemp -d "$shared/bnlab_fuzz.XXXXXX")
export TMPDIR OMP_NUM_THREADS=1 ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
trap 'rm -rf -- "$TMPDIR"' EXIT

found=()
for target in "${targets[@]}"; do
  say "$target: $minutes minutes, from $(date +%H:%M)"
  if fuzz "$target"; then
    say "$target: no finding, $(sed -n 's/^stat::number_of_executed_units: //p' "build/fuzz/$target.log") executions"
  else
    found+=("$target")
    say "$target: FINDING, see build/fuzz/$target.log:"
    grep -E '^(==[0-9]+==ERROR|SUMMARY|terminate called|  what\(\):|.*runtime error:|.*Test unit written to)' \
      "build/fuzz/$target.log" || tail -n 5 "build/fuzz/$target.log"
  fi
done
if ((${#found[@]})); then
  say "FAILED: ${found[*]}"
  exit 1
fi
say "no findings"
