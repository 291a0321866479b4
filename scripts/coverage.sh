#!/usr/bin/env bash
# Says which lines of src/ the tests run.
set -euo pipefail

usage() {
  cat <<'EOT'
usage: scripts/coverage.sh [--report] [--install] [-- CTEST_OPTION...]

Builds the preset coverage (gcov), runs all tests, prints a table of the files and writes build/coverage/coverage.html,
which shows every line. Needs gcovr. The exit status is 1 if a test failed or less than 90 % of the lines of src/ ran.

  --report    only report on earlier runs; nothing is built or run
  --install   install gcovr if it is missing (Debian, Ubuntu)
  --help      this text

Examples:
  scripts/coverage.sh
  scripts/coverage.sh -- --tests-regex '^unit_tests'
EOT
}

say() { printf 'coverage.sh: %s\n' "$*"; }

lowest=90 # percent
report=false install=false
while (($#)); do
  case $1 in
    --report) report=true ;;
    --install) install=true ;;
    --help | -h) usage; exit 0 ;;
    --) shift; break ;;
    *) usage >&2; printf 'coverage.sh: unknown argument: %s\n' "$1" >&2; exit 2 ;;
  esac
  shift
done
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

if ! command -v gcovr >/dev/null && $install; then
  root=()
  [[ $(id -u) == 0 ]] || root=(sudo)
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends gcovr
fi
command -v gcovr >/dev/null || { say "gcovr is not installed (scripts/coverage.sh --install)" >&2; exit 1; }

failed=()
if ! $report; then
  cmake --preset coverage
  cmake --build --preset coverage --parallel "$(nproc)"
  find build/coverage -name '*.gcda' -delete
  ctest --test-dir build/coverage --output-on-failure --no-tests=error -j2 "$@" || failed+=("tests")
fi
# Threads count without looking at each other, so that a count may be off, even negative: what matters is whether it is 0.
gcovr --root . --filter src/ --object-directory build/coverage --gcov-ignore-parse-errors --print-summary \
  --html-details build/coverage/coverage.html --fail-under-line "$lowest" build/coverage ||
  failed+=("at least $lowest % of the lines of src/")
say "build/coverage/coverage.html"
for what in "${failed[@]}"; do
  say "FAILED: $what"
done
((${#failed[@]} == 0))
