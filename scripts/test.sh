#!/usr/bin/env bash
# Sets up, builds and tests everything.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: scripts/test.sh [--quick]

Installs missing packages (scripts/setup.sh --tests), builds the release preset, and runs the quick checks of
scripts/lint.sh and all tests; the unit tests run a second time with the address and undefined-behaviour sanitizers.
The exit status is 1 if anything failed. The test of a sweep on Slurm (tests/experiments/slurm_test.py) installs
slurm-wlm and munge if it has the rights; otherwise it is skipped with the reason.

  --quick   no sanitizers
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

scripts/setup.sh --tests
sanitized=ON
if $quick; then
  say "SKIPPED: sanitizers (--quick)"
  sanitized=OFF
fi
say "building"
{ cmake --preset release -DBNLAB_TESTS=ON -DBNLAB_SANITIZED_TESTS=$sanitized &&
  cmake --build --preset release --parallel "$(nproc)"; } || { say "FAILED: the build"; exit 1; }
scripts/lint.sh --quick || failed+=("scripts/lint.sh --quick")
checks=detect_stack_use_after_return=1:check_initialization_order=1:strict_string_checks=1
export ASAN_OPTIONS=${ASAN_OPTIONS:-$checks}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
say "all tests"
ctest --test-dir build/release --output-on-failure --no-tests=error -j2 --exclude-regex bench_smoke ||
  failed+=("tests")
say "every case of scripts/bench.py for a few steps, to check that it runs; the times are not meaningful"
ctest --test-dir build/release --verbose --no-tests=error --tests-regex bench_smoke || failed+=("scripts/bench.py")

for what in "${failed[@]}"; do
  say "FAILED: $what"
done
((${#failed[@]} == 0))
