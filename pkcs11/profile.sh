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
# What perf finds to say of symbols matters only where it fails.
if ! perf script -i "$work/perf" --comm coffer-bench -F ip,sym,symoff,dso >"$work/stacks" 2>"$work/said"; then
	cat "$work/said" >&2
	exit 1
fi
${GO:-go} run -C pkcs11/_profile . -without "$without" "$folder/libcoffer-core.so" <"$work/stacks" >"$work/new"
mv "$work/new" "$profile"
