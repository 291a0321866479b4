#!/usr/bin/env bash
# Sets up, builds and tests everything.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: scripts/test.sh [--quick]

Installs what is missing (scripts/setup.sh --tests), builds the release and asan presets, runs the unit tests under the
address and undefined-behaviour sanitizers, the quick checks of scripts/lint.sh, and all tests of the release build.
Status 1 if anything failed. The test that sends a sweep through Slurm (tests/experiments/slurm_test.py) installs
slurm-wlm and munge where it may, and says why it is skipped where it may not.

  --quick   without the sanitizers
  --help    this text
EOF
}

quick=false
for argument; do
  case $argument in
    --quick) quick=true ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; printf 'test.sh: unknown argument: %s\n' "$argument" >&2; exit 2 ;;
  esac
done

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
say() { printf 'test.sh: %s\n' "$*"; }
failed=()

build() { # PRESET
  say "building $1"
  cmake --preset "$1" -DBNLAB_TESTS=ON && cmake --build --preset "$1" --parallel "$(nproc)"
}

# The tests written in Python run bnlab itself, in the release build only; here are the unit tests alone.
unit_tests() { # PRESET
  ctest --test-dir "build/$1" --output-on-failure --no-tests=error -j2 --tests-regex '^unit_tests\.'
}

scripts/setup.sh --tests
build release || { say "FAILED: the release build"; exit 1; }
scripts/lint.sh --quick || failed+=("scripts/lint.sh --quick")
if $quick; then
  say "SKIPPED: sanitizers (--quick)"
else
  # Also for the build, which starts the test program to list its tests.
  checks=detect_stack_use_after_return=1:check_initialization_order=1:strict_string_checks=1
  export ASAN_OPTIONS=${ASAN_OPTIONS:-$checks}
  export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
  if build asan; then
    say "unit tests under the sanitizers"
    unit_tests asan || failed+=("unit tests under the sanitizers")
  else
    failed+=("the asan build")
  fi
fi
say "all tests, release build"
ctest --test-dir build/release --output-on-failure --no-tests=error -j2 --exclude-regex bench_smoke ||
  failed+=("tests of the release build")
say "every case of scripts/bench.py for a few steps: that it runs; such times say nothing"
ctest --test-dir build/release --verbose --no-tests=error --tests-regex bench_smoke || failed+=("scripts/bench.py")

for what in "${failed[@]}"; do
  say "FAILED: $what"
done
((${#failed[@]} == 0))
