#!/bin/sh
# sigtable.sh FOLDER: writes FOLDER/overlay.json for go build -overlay.
#
# The Go runtime unblocks some signals on its own threads whatever mask they
# inherit, and where a thread enters Go for the first time. A host whose SIGCHLD
# (17) lands there never wakes from sigsuspend. The overlay takes the flag away
# from the signals that belong to the host: 16 SIGSTKFLT, 17 SIGCHLD, 27 SIGPROF
# and 34, the first real-time signal (glibc has no other use for it).
set -eu
folder=$1
go=${GO:-go}
name=src/runtime/sigtab_linux_generic.go
original=$($go env GOROOT)/$name
mkdir -p "$folder"
sed -E '/^\t\/\* (16|17|27|34) \*\//s/ \+ _SigUnblock//' "$original" >"$folder/sigtab.new"
changed=$(diff "$original" "$folder/sigtab.new" | grep -c '^>' || true)
if [ "$changed" != 4 ]; then
	echo "sigtable.sh: $original has another form ($changed of 4 lines changed): look at it and adapt this script" >&2
	exit 1
fi
cmp -s "$folder/sigtab.new" "$folder/sigtab.go" || cp "$folder/sigtab.new" "$folder/sigtab.go"
printf '{"Replace": {"%s": "%s"}}\n' "$original" "$folder/sigtab.go" >"$folder/overlay.json"
