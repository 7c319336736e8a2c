#!/bin/sh
# overlay.sh FOLDER: writes FOLDER/overlay.json for go build -overlay: the Go runtime
# of the core with a few lines changed, for hosts that have signals of their own.
# Each change says how many lines it is. Where a Go release has another form the
# build ends here, and somebody has to look.
set -eu
folder=$1
go=${GO:-go}
runtime=$($go env GOROOT)/src/runtime
mkdir -p "$folder"
replaced=

# change FILE LINES EXPRESSION...: sed -E over a file of the runtime.
change() {
	file=$1 lines=$2
	shift 2
	for expression; do
		set -- "$@" -e "$expression"
		shift
	done
	sed -E "$@" "$runtime/$file" >"$folder/$file.new"
	changed=$(diff "$runtime/$file" "$folder/$file.new" | grep -c '^>' || true)
	if [ "$changed" != "$lines" ]; then
		echo "overlay.sh: $runtime/$file has another form ($changed of $lines lines changed): look at it and adapt this script" >&2
		exit 1
	fi
	# The old file keeps its time if nothing is new.
	cmp -s "$folder/$file.new" "$folder/$file" || cp "$folder/$file.new" "$folder/$file"
	rm "$folder/$file.new"
	replaced="$replaced${replaced:+, }\"$runtime/$file\": \"$folder/$file\""
}

# Go unblocks some signals on its own threads whatever mask they inherit, and where
# a thread enters Go for the first time. A host whose SIGCHLD (17) lands there never
# wakes from sigsuspend. The flag is taken from the signals that belong to the host:
# 16 SIGSTKFLT, 17 SIGCHLD, 27 SIGPROF and 34, the first real-time signal (glibc has
# no other use for it).
change sigtab_linux_generic.go 4 '/^\t\/\* (16|17|27|34) \*\//s/ \+ _SigUnblock//'

# A handler of the host's without SA_ONSTACK runs on the stack that it finds: where
# a thread is in Go, a goroutine's. stackSystem is what the runtime leaves below
# every goroutine for signals, on systems where that is the rule. Every function's
# check of the stack counts it in, so that the room is there at every instruction.
change stack.go 1 's/^(\tstackSystem = )/\164<<10 + /'

# The stacks of the host's threads and its alternate stacks are of the host's
# choice and may be smaller than that: there the guard stays where it was.
without='s/([.a-z]+ \+ stackGuard)$/\1 - stackSystem/'
change proc.go 1 "/^func mstart0\(/,/^}/$without"

# With runtimesecret (hsm/secret) a call of C from within secret.Do erases the registers
# and then reads three of them. They are loaded again.
case $($go env GOARCH) in
amd64) reload='get_tls(CX)\n\tMOVQ\tg(CX), DI\n\tMOVQ\tg_m(DI), R8\n\tMOVQ\tm_g0(R8), SI' reloaded=4 ;;
*) reload= reloaded=0 ;;
esac
change "asm_$($go env GOARCH).s" $((1 + reloaded)) \
	's/\$const_stackGuard,/$(const_stackGuard-const_stackSystem),/' \
	"${reload:+/^TEXT ·asmcgocall\\(/,/^nosecret:/s/(CALL\t·secretEraseRegisters\\(SB\\))\$/\\1\\n\t$reload/}"

# Every call from C receives from a channel that is closed once init is done, and
# takes its lock for that: one lock for all threads. A look at the flag does, once it
# is set; coffer_warm has made it visible to everybody before.
change cgocall.go 3 "$without" \
	's/^(\t\t)(<-main_init_done)$/\1if (*hchan)(*(*unsafe.Pointer)(unsafe.Pointer(\&main_init_done))).closed == 0 { \2 }/'

# A fault in a handler of the host's that interrupted Go is the host's to answer
# (profilers read memory that may not be there): Go's own faults are in Go's text,
# or at the address of a nil function.
change signal_unix.go 3 "/^func setGsignalStack\(/,/^}/$without" \
	's/(gp\.m\.curg != nil \&\& !gp\.m\.isExtraInC \&\& !gp\.m\.incgo) \{/\1 \&\& (c.sigpc() < 4096 || findfunc(c.sigpc()).valid()) {/'

# The collector's first run is at 16 MiB of heap, not at 4: what a call leaves behind
# is little, and a hundred thousand calls then share a run. A larger heap is
# collected as ever, when it has doubled.
change mgcpacer.go 1 '/^\tdefaultHeapMinimum = /,/^$/s/\(4<<20\)/(16<<20)/'

printf '{"Replace": {%s}}\n' "$replaced" >"$folder/overlay.json"
