#!/usr/bin/env bash
# Downloads a data set, checks it, and puts it where bnlab looks for it.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: scripts/fetch_data.sh NAME [--to DIR]

NAME is one of
  mnist           DIR/mnist/*.gz                   12 MB
  fashion_mnist   DIR/fashion_mnist/*.gz           31 MB
  cifar10         DIR/cifar-10-batches-bin/*.bin  170 MB
  cifar100        DIR/cifar-100-binary/*.bin      169 MB
DIR is data/ in the checkout by default. A file gets its name only after its checksum was verified. An interrupted
download leaves NAME.part, which the next call continues. Existing files with the right checksum are not downloaded
again. A mirror is abandoned if it is too slow, or sends more than twice the size of a file.

Environment, for sites without internet access and for private mirrors:
  BNLAB_MIRROR      base addresses, separated by spaces, which are tried in order instead of the public mirrors. The
                    address of a file is BASE/NAME/FILE, such as http://mirror.example/mnist/train-images-idx3-ubyte.gz
  BNLAB_CHECKSUMS   a file of lines "SUM  NAME/FILE" in the format of md5sum or sha256sum. Its checksums replace the
                    built-in ones, for a mirror with differently compressed files

Examples:
  scripts/fetch_data.sh mnist
  BNLAB_MIRROR=http://mirror.example scripts/fetch_data.sh cifar10 --to /srv/data

Exit status: 0 all files are present and verified; 1 a file could not be fetched; 2 usage; 130 interrupted.
EOF
}

say() { printf 'fetch_data.sh: %s\n' "$*"; }
warn() { printf 'fetch_data.sh: %s\n' "$*" >&2; }
die() { warn "$*"; exit 1; }
misused() { usage >&2; warn "$*"; exit 2; }

# The MD5 sums that torchvision checks, and those on the CIFAR page.
checksums='
f68b3c2dcbeaaa9fbdd348bbdeb94873  mnist/train-images-idx3-ubyte.gz
d53e105ee54ea40749a09fcbcd1e9432  mnist/train-labels-idx1-ubyte.gz
9fb629c4189551a2d022fa330f9573f3  mnist/t10k-images-idx3-ubyte.gz
ec29112dd5afa0611ce80d1b7f02629c  mnist/t10k-labels-idx1-ubyte.gz
8d4fb7e6c68d591d4c3dfef9ec88bf0d  fashion_mnist/train-images-idx3-ubyte.gz
25c81989df183df01b3e8a0aad5dffbe  fashion_mnist/train-labels-idx1-ubyte.gz
bef4ecab320f06d8554ea6380940ec79  fashion_mnist/t10k-images-idx3-ubyte.gz
bb300cfdad3c16e7a12a480ee83cd310  fashion_mnist/t10k-labels-idx1-ubyte.gz
c32a1d4ab5d03f1284b67883e8d87530  cifar10/cifar-10-binary.tar.gz
03b5dce01913d631647c71ecec9e9cb8  cifar100/cifar-100-binary.tar.gz
'
idx_files=(train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz)
cifar_archive=cifar-10-binary.tar.gz
cifar_folder=cifar-10-batches-bin
cifar_files=(data_batch_{1,2,3,4,5}.bin test_batch.bin)
cifar_sums=md5sums.txt # written when the archive is unpacked
cifar_bytes=30730000,30730000,30730000,30730000,30730000,30730000 # of cifar_files
least_bytes=100000 # that an attempt has to bring, or the whole file
least_rate=1000    # bytes in a second, over a minute

most_bytes() { # FILE: twice what it has, for a mirror that has compressed it anew
  case $1 in
    *-images-*) echo 60000000 ;;
    *-labels-*) echo 1000000 ;;
    *) echo 350000000 ;;
  esac
}

name='' to=''
while (($#)); do
  case $1 in
    --to) [[ -n ${2:-} ]] || misused "--to needs a folder"; to=$2; shift ;;
    --to=?*) to=${1#--to=} ;;
    --to=) misused "--to needs a folder" ;;
    --help | -h) usage; exit 0 ;;
    -*) misused "unknown option: $1" ;;
    *) [[ -z $name ]] || misused "one NAME at a time, got $name and $1"; name=$1 ;;
  esac
  shift
done
if [[ $to == \~* ]]; then # no shell has done so in --to=~/x
  user=${to%%/*} user=${user#\~} home=${HOME:-}
  [[ -z $user ]] || home=$(getent passwd -- "$user" | cut -d: -f6) || true
  if [[ -n $home ]]; then
    to=$home${to#"~$user"}
  elif [[ ! -e $to ]]; then
    reason="the home folder is not known"
    [[ -z $user ]] || reason="there is no user $user"
    misused "--to: $to: $reason; ./$to names a folder of this name"
  fi
fi
case $name in
  mnist) mirrors=(https://ossci-datasets.s3.amazonaws.com/mnist https://storage.googleapis.com/cvdf-datasets/mnist) ;;
  fashion_mnist) mirrors=(http://fashion-mnist.s3-website.eu-central-1.amazonaws.com) ;;
  cifar10 | cifar100) mirrors=(https://www.cs.toronto.edu/~kriz https://cave.cs.toronto.edu/kriz) ;;
  '') misused "which data set?" ;;
  *) misused "unknown data set: $name (known: mnist, fashion_mnist, cifar10, cifar100)" ;;
esac
if [[ $name == cifar100 ]]; then
  cifar_archive=cifar-100-binary.tar.gz
  cifar_folder=cifar-100-binary
  cifar_files=(train.bin test.bin)
  cifar_bytes=153700000,30740000
fi
if [[ -n ${BNLAB_MIRROR:-} ]]; then
  read -r -a mirrors <<<"$BNLAB_MIRROR"
  mirrors=("${mirrors[@]%/}")
  mirrors=("${mirrors[@]/%//$name}")
fi
if [[ -n ${BNLAB_CHECKSUMS:-} ]]; then
  [[ -r $BNLAB_CHECKSUMS ]] || die "BNLAB_CHECKSUMS: cannot read $BNLAB_CHECKSUMS"
  checksums=$(cat -- "$BNLAB_CHECKSUMS")$'\n'$checksums # the first match counts
fi
if [[ -z $to ]]; then
  to=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)/data
fi
case $to in /*) ;; *) to=$PWD/$to ;; esac # no path begins with a dash

if command -v curl >/dev/null; then
  client=curl
elif command -v wget >/dev/null; then
  client=wget
else
  client=''
fi

scratch=$(mktemp -d)
unpacked='' child=''
clean_up() {
  if [[ -n $child ]]; then
    kill "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  fi
  rm -rf -- "$scratch" ${unpacked:+"$unpacked"}
}
trap clean_up EXIT
trap 'warn "interrupted; the next call continues"; exit 130' INT
trap 'warn "terminated; the next call continues"; exit 143' TERM HUP

# A foreground child would hold a signal's trap back until it ends.
run() {
  "$@" &
  child=$!
  local status=0
  wait "$child" || status=$?
  child=''
  return "$status"
}

expected_sum() { # NAME/FILE
  local sum file
  while read -r sum file; do
    if [[ ${file#\*} == "$1" ]]; then
      echo "${sum,,}"
      return
    fi
  done <<<"$checksums"
  die "no checksum known for $1"
}

sum_kind() { if ((${#1} == 64)); then echo sha256; else echo md5; fi; }

sum_of() { # FILE EXPECTED: the sum of FILE, of the kind that EXPECTED is
  local out
  out=$("$(sum_kind "$2")sum" <"$1")
  echo "${out%% *}"
}

size_of() { if [[ -e $1 ]]; then wc -c <"$1"; else echo 0; fi; }

# A program whose files end at so many bytes: the write after that fails.
limited() { # BYTES PROGRAM...
  trap '' XFSZ
  ulimit -f $((($1 + 1023) / 1024))
  shift
  exec "$@"
}

# One attempt to bring PART to its full length; continues what is there. Leaves the reason in $scratch/error.
attempt() { # URL PART MOST_BYTES
  local url=$1 part=$2 most=$3 status=0 http
  : >"$scratch/error"
  if [[ $client == curl ]]; then
    local look=(--silent --show-error --stderr "$scratch/error")
    [[ -t 2 ]] && look=(--progress-bar)
    run limited "$most" curl "${look[@]}" --fail --location --connect-timeout 20 --max-redirs 5 \
      --speed-limit "$least_rate" --speed-time 60 \
      --write-out '%{http_code}' --continue-at - --output "$part" "$url" >"$scratch/http" || status=$?
    http=$(cat "$scratch/http")
    # 416: the server has no such range; 33: it knows no ranges. What is here cannot be continued: begin anew.
    if [[ $status != 0 && -e $part ]] && [[ $http == 416 || $status == 33 ]]; then
      rm -f -- "$part"
      status=75
    fi
  else
    local look=(--no-verbose --output-file="$scratch/error")
    [[ -t 2 ]] && look=(--quiet --show-progress)
    # It knows no least speed: what does not end in two minutes counts as an attempt that brought so many bytes.
    run limited "$most" timeout 120 wget "${look[@]}" --continue --tries=1 --connect-timeout=20 --read-timeout=60 \
      --output-document="$part" "$url" || status=$?
  fi
  return "$status"
}

# Fetches from one mirror: continues as long as the attempts bring enough. The sum is not checked here.
complete() { # URL PART MOST_BYTES
  local url=$1 part=$2 most=$3 before after status
  local stalled=0 slow=0
  while ((stalled < 2 && slow < 4)); do
    before=$(size_of "$part") status=0
    attempt "$url" "$part" "$most" || status=$?
    ((status == 0)) && return
    after=$(size_of "$part")
    if ((after >= most)); then
      rm -f -- "$part"
      warn "$url: sends more than $most bytes: removed"
      return 1
    fi
    [[ $after == 0 ]] && rm -f -- "$part"
    if ((after > before)); then stalled=0; else stalled=$((stalled + 1)); fi
    if ((after - before >= least_bytes)); then slow=0; else slow=$((slow + 1)); fi
    # Refused by the server (404 and the like): asking again won't help.
    [[ $client == curl && $status == 22 || $client == wget && $status == 8 ]] && break
  done
  local reason
  reason=$(tail -n 1 "$scratch/error")
  ((slow < 4)) || reason="too slow: less than $least_bytes bytes in each of $slow attempts${reason:+; $reason}"
  warn "$url: ${reason:-$client failed} ($client exit status $status)"
  return 1
}

fetch_file() { # FILE TARGET
  local file=$1 target=$2 part=$2.part expected found mirror url resumed most
  most=$(most_bytes "$file")
  expected=$(expected_sum "$name/$file")
  local kind
  kind=$(sum_kind "$expected")
  local place
  for place in "$target" "$part"; do
    [[ ! -e $place || -f $place ]] || die "$place exists and is not a file"
  done
  if [[ -e $target ]]; then
    found=$(sum_of "$target" "$expected")
    if [[ $found == "$expected" ]]; then
      say "$target exists and is verified"
      return
    fi
    say "$target exists, but its $kind sum is $found, not $expected: fetching it again"
  fi
  mkdir -p -- "$(dirname -- "$target")"
  if [[ -e $part && $(sum_of "$part" "$expected") == "$expected" ]]; then
    mv -f -- "$part" "$target"
    say "$target was complete"
    return
  fi
  [[ -n $client ]] || die "neither curl nor wget is installed; scripts/setup.sh installs curl"
  for mirror in "${mirrors[@]}"; do
    url=$mirror/$file
    resumed=false
    [[ -s $part ]] && resumed=true
    if $resumed; then say "continuing $url"; else say "fetching $url"; fi
    complete "$url" "$part" "$most" || continue
    found=$(sum_of "$part" "$expected")
    if [[ $found != "$expected" ]] && $resumed; then
      warn "$part: $kind sum $found, expected $expected: removed, fetching it again"
      rm -f -- "$part"
      complete "$url" "$part" "$most" || continue
      found=$(sum_of "$part" "$expected")
    fi
    if [[ $found == "$expected" ]]; then
      mv -f -- "$part" "$target"
      return
    fi
    warn "$url: wrong content: $kind sum $found, expected $expected"
    rm -f -- "$part"
  done
  die "could not get $file, needed as $target, from: ${mirrors[*]}. BNLAB_MIRROR names another mirror; see --help"
}

cifar_complete() { # FOLDER
  local file sizes=''
  for file in "${cifar_files[@]}"; do
    [[ -f $1/$file ]] || return 1
    sizes+=,$(size_of "$1/$file")
  done
  if [[ -f $1/$cifar_sums ]]; then
    (cd -- "$1" && md5sum --check --status --strict "$cifar_sums")
  else # unpacked by somebody else
    [[ ${sizes#,} == "$cifar_bytes" ]]
  fi
}

fetch_cifar() {
  local folder=$to/$cifar_folder archive=$to/$cifar_archive
  if cifar_complete "$folder"; then
    say "$folder exists and is verified"
    return
  fi
  [[ ! -e $folder ]] || say "$folder exists, but is incomplete or damaged: fetching it again"
  fetch_file "$cifar_archive" "$archive"
  unpacked=$(mktemp -d -- "$to/.unpacking.XXXXXX")
  run tar --extract --gzip --no-same-owner --file "$archive" --directory "$unpacked"
  (cd -- "$unpacked/$cifar_folder" && md5sum "${cifar_files[@]}" >"$cifar_sums")
  chmod 755 "$unpacked/$cifar_folder"
  [[ ! -e $folder ]] || mv -- "$folder" "$unpacked/old"
  mv -- "$unpacked/$cifar_folder" "$folder"
  rm -rf -- "$unpacked" "$archive"
  unpacked=''
}

mkdir -p -- "$to"
# One at a time on one folder; where the file system knows no locks, go on without.
if command -v flock >/dev/null && exec 9<"$to"; then
  locked=0
  flock --nonblock --conflict-exit-code 75 9 2>/dev/null || locked=$?
  ((locked != 75)) || die "another fetch_data.sh is running in $to"
fi

if [[ $name == cifar* ]]; then
  fetch_cifar
else
  for file in "${idx_files[@]}"; do
    fetch_file "$file" "$to/$name/$file"
  done
fi
say "$name is complete in $to"
