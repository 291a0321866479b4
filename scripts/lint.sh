#!/usr/bin/env bash
# Checks the sources without running the tests.
set -euo pipefail

usage() {
  cat <<'EOT'
usage: scripts/lint.sh [--install] [--quick] [CHECK...]

  clang-format   layout of C++, with .clang-format
  shellcheck     shell scripts
  flake8         Python, with .flake8
  structure      includes, oneDNN and JSON where they belong (scripts/check_structure.py); long files as warnings
  cppcheck       src/, in seconds; its suppressions and their reasons are in this script
  clang-tidy     src/, with clang's warnings and the checks of .clang-tidy; half an hour on two cores
  memcheck       a short `bnlab train` of the release build under valgrind; tests/valgrind.supp suppresses findings in oneDNN
  tsan           the same on two threads, under clang's thread sanitizer with libomp (preset tsan)

With no CHECK, the first six run. A check whose tool is missing is reported as SKIPPED. The exit status is 1 after a
finding, or if a tool could not be installed. clang-format and clang-tidy are those of LLVM 14, because other versions
have a different layout and different checks.

  --quick     the first four
  --install   install the tools that are missing (Debian 12, Ubuntu)
  --help      this text

Examples:
  scripts/lint.sh --quick
  scripts/lint.sh cppcheck clang-tidy
  scripts/lint.sh --install memcheck
  clang-tidy-14 -p build/debug src/util/csv.cpp    # one file, after cmake --preset debug
EOT
}

say() { printf 'lint.sh: %s\n' "$*"; }

all=(clang-format shellcheck flake8 structure cppcheck clang-tidy memcheck tsan)
install=false checks=()
for argument; do
  case $argument in
    --install) install=true ;;
    --quick) checks+=("${all[@]:0:4}") ;;
    --help | -h) usage; exit 0 ;;
    clang-format | shellcheck | flake8 | structure | cppcheck | clang-tidy | memcheck | tsan) checks+=("$argument") ;;
    *) usage >&2; printf 'lint.sh: unknown argument: %s; the checks are %s\n' "$argument" "${all[*]}" >&2; exit 2 ;;
  esac
done
((${#checks[@]})) || checks=("${all[@]:0:6}")
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

# What a check runs; and the packages that have it.
tool() { # CHECK
  case $1 in
    clang-format | clang-tidy) echo "$1-14" ;;
    memcheck) echo valgrind ;;
    tsan) echo clang++-14 ;;
    structure) echo python3 ;;
    *) echo "$1" ;;
  esac
}

packages() { # CHECK
  case $1 in
    clang-tidy) echo clang-tidy-14 libomp-14-dev ;;
    tsan) echo clang-14 libclang-rt-14-dev libomp-14-dev ;;
    *) tool "$1" ;;
  esac
}

check_clang_format() {
  find src tests '(' -name '*.h' -o -name '*.cpp' ')' -print0 | xargs -0 clang-format-14 --dry-run -Werror
}

check_shellcheck() { shellcheck scripts/*.sh .ci/run; }

check_flake8() { flake8 scripts tests; }

check_structure() { python3 scripts/check_structure.py; }

check_cppcheck() {
  # accessMoved: `a.set(x, std::move(b)).set(y, std::move(c))` is taken for a use of b; clang-tidy looks for the same, rightly.
  # useInitializationList: taste. syntaxError: cppcheck 2.10 does not know a lambda's template parameters.
  # invalidLifetime: a sum is taken for a pointer to the bytes that it has read. invalidPointerCast: the file's float32.
  cppcheck --enable=warning,performance,portability --std=c++20 --language=c++ --library=openmp --quiet \
    --error-exitcode=1 -I src -j "$(nproc)" --suppress=missingIncludeSystem --suppress=accessMoved \
    --suppress=useInitializationList --suppress=syntaxError:src/util/npz.cpp \
    --suppress=syntaxError:src/config/fields/network.h --suppress=invalidLifetime:src/util/csv.cpp \
    --suppress=invalidPointerCast:src/data/npz_dataset.cpp src
}

check_clang_tidy() {
  cmake --preset debug >/dev/null && cmake --build --preset debug --target bnlab_git_revision >/dev/null || return
  find src -name '*.cpp' -print0 | xargs -0 -P "$(nproc)" -n 1 clang-tidy-14 -p build/debug --quiet \
    2> >(grep -v 'warnings generated' >&2)
}

# The loops that are shared out to threads: of dropout, noise, normalization and the optimizer.
train() { # PROGRAM THREADS [COMMAND...]
  local program=$1 threads=$2 normalization folder status=0
  shift 2
  folder=$(mktemp -d)
  for normalization in batch noisy_batch layer; do
    "$@" "$program" train tests/lint/config.json --set "normalization.type=$normalization" --out "$folder/$normalization" \
      --threads "$threads" --quiet || status=1
  done
  rm -rf -- "$folder"
  return "$status"
}

# valgrind knows no AVX-512.
check_memcheck() {
  cmake --preset release >/dev/null && cmake --build --preset release --target bnlab || return
  ONEDNN_MAX_CPU_ISA=AVX2 train build/release/bnlab 1 valgrind --quiet --tool=memcheck --leak-check=full \
    --errors-for-leak-kinds=definite --error-exitcode=9 --suppressions=tests/valgrind.supp
}

# libomp tells the sanitizer through archer where its threads meet; libgomp would not. libdnnl is not instrumented.
check_tsan() {
  cmake --preset tsan >/dev/null && cmake --build --preset tsan --target bnlab || return
  TSAN_OPTIONS="ignore_noninstrumented_modules=1 halt_on_error=0 exitcode=9" OMP_TOOL_LIBRARIES=libarcher.so \
    LD_LIBRARY_PATH=/usr/lib/llvm-14/lib train build/tsan/bnlab 2
}

failed=()
for check in "${checks[@]}"; do
  tool=$(tool "$check")
  if $install && ! command -v "$tool" >/dev/null; then
    root=()
    [[ $(id -u) == 0 ]] || root=(sudo)
    read -r -a wanted <<<"$(packages "$check")"
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "${wanted[@]}" ||
      say "$check: apt-get could not install ${wanted[*]}"
  fi
  if ! command -v "$tool" >/dev/null; then
    if $install; then
      failed+=("$check: $tool is not installed")
    else
      say "SKIPPED: $check: $tool is not installed (scripts/lint.sh --install $check)"
    fi
    continue
  fi
  say "$check"
  "check_${check//-/_}" || failed+=("$check")
done
for check in "${failed[@]}"; do
  say "FAILED: $check"
done
((${#failed[@]} == 0))
