package main

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"slices"
	"strings"
)

// code tells where machine code comes from.
type code struct {
	symbols map[string]uint64 // where functions begin
	data    *dwarf.Data
}

// function is one of the source: its name as the linker has it, and its first line.
type function struct {
	name  string
	start int64
}

// frame is a place in a function.
type frame struct {
	function
	line int64
}

func readCode(path string) (*code, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		return nil, fmt.Errorf("%s has no symbols: %w", path, err)
	}
	c := &code{symbols: map[string]uint64{}}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC {
			c.symbols[s.Name] = s.Value
		}
	}
	c.data, err = file.DWARF()
	return c, err
}

// frames are the functions that pc is in, the innermost first. What was inlined counts
// as a function: the compiler that reads the profile has inlined nothing yet.
func (c *code) frames(pc uint64) (found []frame) {
	r := c.data.Reader()
	unit, err := r.SeekPC(pc)
	if err != nil {
		return nil
	}
	line := c.line(unit, pc)
	for {
		e, err := r.Next()
		switch {
		case err != nil || e == nil || e.Tag == dwarf.TagCompileUnit:
			return found
		case e.Tag == 0 && len(found) > 0: // the end of what is in the innermost
			return found
		case !isFunction(e) || !c.holds(e, pc):
			r.SkipChildren()
			continue
		}
		if called, ok := e.Val(dwarf.AttrCallLine).(int64); ok && len(found) > 0 {
			found[0].line = called
		}
		found = slices.Insert(found, 0, frame{c.named(e), line})
		if !e.Children {
			return found
		}
	}
}

func isFunction(e *dwarf.Entry) bool {
	return e.Tag == dwarf.TagSubprogram || e.Tag == dwarf.TagInlinedSubroutine
}

func (c *code) holds(e *dwarf.Entry, pc uint64) bool {
	ranges, err := c.data.Ranges(e)
	return err == nil && slices.ContainsFunc(ranges, func(r [2]uint64) bool { return r[0] <= pc && pc < r[1] })
}

// named is the function that e is an instance of.
func (c *code) named(e *dwarf.Entry) function {
	if origin, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset); ok {
		r := c.data.Reader()
		r.Seek(origin)
		if abstract, err := r.Next(); err == nil && abstract != nil {
			e = abstract
		}
	}
	name, _ := e.Val(dwarf.AttrName).(string)
	start, _ := e.Val(dwarf.AttrDeclLine).(int64)
	return function{strings.TrimSuffix(name, ".abi0"), start}
}

// line is the line of pc, 0 if it has none.
func (c *code) line(unit *dwarf.Entry, pc uint64) int64 {
	lines, err := c.data.LineReader(unit)
	if err != nil || lines == nil {
		return 0
	}
	var at dwarf.LineEntry
	if lines.SeekPC(pc, &at) != nil {
		return 0
	}
	return int64(at.Line)
}
