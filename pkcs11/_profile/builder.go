package main

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/pprof/profile"
)

// builder makes a profile of stacks, each kept once with its number.
type builder struct {
	code     *code
	unwanted *regexp.Regexp
	profile  *profile.Profile
	samples
	locations
	functions
}

type (
	samples   map[string]*profile.Sample // by the addresses
	locations map[uint64]*profile.Location
	functions map[function]*profile.Function
)

// newBuilder makes one for samples of c that leaves out stacks through functions that match
// the expression without.
func newBuilder(c *code, without string) (*builder, error) {
	unwanted, err := regexp.Compile(without)
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}}}
	return &builder{
		code: c, unwanted: unwanted, profile: p,
		samples: samples{}, locations: locations{}, functions: functions{},
	}, err
}

// frameLine is a line such as "  1037ae runtime.schedinit+0xae (/build/libcoffer-core.so)".
var frameLine = regexp.MustCompile(`^\s*[0-9a-f]+ (.+)\+0x([0-9a-f]+) \(.*\)$`)

// read takes in stacks, the innermost frame first and an empty line behind each. Of a
// stack it keeps what the core's code has on top: what has called it is not in Go.
func (b *builder) read(perf io.Reader) error {
	var stack []uint64
	left := false
	lines := bufio.NewScanner(perf)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if strings.TrimSpace(line) == "" {
			b.add(stack)
			stack, left = stack[:0], false
			continue
		}
		pc, ok := b.address(line)
		left = left || !ok && len(stack) > 0
		if ok && !left {
			stack = append(stack, pc)
		}
	}
	b.add(stack)
	return lines.Err()
}

func (b *builder) address(line string) (pc uint64, ok bool) {
	m := frameLine.FindStringSubmatch(line)
	if m == nil {
		return 0, false
	}
	start, ok := b.code.symbols[m[1]]
	offset, err := strconv.ParseUint(m[2], 16, 64)
	return start + offset, ok && err == nil
}

func (b *builder) add(stack []uint64) {
	key := fmt.Sprint(stack)
	if s := b.samples[key]; s != nil {
		s.Value[0]++
		return
	}
	s := &profile.Sample{Value: []int64{1}}
	for i, pc := range stack {
		if i > 0 {
			pc-- // of the call, not of what follows it
		}
		s.Location = append(s.Location, b.location(pc))
	}
	if len(stack) == 0 || b.isUnwanted(s) {
		return
	}
	b.samples[key] = s
	b.profile.Sample = append(b.profile.Sample, s)
}

func (b *builder) isUnwanted(s *profile.Sample) bool {
	for _, l := range s.Location {
		for _, line := range l.Line {
			if b.unwanted.MatchString(line.Function.Name) {
				return true
			}
		}
	}
	return false
}

func (b *builder) location(pc uint64) *profile.Location {
	if l := b.locations[pc]; l != nil {
		return l
	}
	l := &profile.Location{ID: uint64(len(b.locations) + 1), Address: pc}
	for _, f := range b.code.frames(pc) {
		l.Line = append(l.Line, profile.Line{Function: b.function(f.function), Line: f.line})
	}
	b.locations[pc] = l
	b.profile.Location = append(b.profile.Location, l)
	return l
}

func (b *builder) function(f function) *profile.Function {
	if p := b.functions[f]; p != nil {
		return p
	}
	p := &profile.Function{ID: uint64(len(b.functions) + 1), Name: f.name, SystemName: f.name, StartLine: f.start}
	b.functions[f] = p
	b.profile.Function = append(b.profile.Function, p)
	return p
}
