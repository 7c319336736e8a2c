#!/bin/sh
# profile.sh FOLDER ROWS PROFILE: writes the PROFILE that guides the compiler of the core,
# from the ROWS of coffer bench as the build in FOLDER, which has its symbols, does them.
set -eu
folder=$1 rows=$2 profile=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export COFFER_HOME="$work/home" COFFER_CONF=

# Making the home and logging in is not what is to be fast.
without='seal\.KDF|partition\.Create|runtime\.doInit'

perf record -q -F 2500 --call-graph fp -o "$work/perf" -- "$folder/coffer" bench --rows "$rows" --seconds 4
perf script -i "$work/perf" --comm coffer-bench -F ip,sym,symoff,dso 2>/dev/null |
	${GO:-go} run -C pkcs11/_profile . -without "$without" "$folder/libcoffer-core.so" >"$work/new"
mv "$work/new" "$profile"
