package storetest

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Sizes of what a disk writes: a page may be lost alone, and torn at a sector.
const (
	pageSize   = 4096
	sectorSize = 512
)

// Disk is a directory as the system's memory has it, with what of that is sure to
// be on the disk. Feed it Calls in their order.
type Disk struct {
	names   map[string]*inode // as programs see them
	durable map[string]*inode // as they are after a loss of power at best or at worst
	pending []func(map[string]*inode)
}

// inode is a file's content on the disk and the writes that may be there.
type inode struct {
	content []byte
	pending []change // until the next Sync
	doomed  []change // a Sync of them failed: no later one writes them
}

// change writes data at an offset, or, without data, sets the size.
type change struct {
	at   int64
	data []byte
}

// LoadDisk reads the files of a directory, all of them durable, without those
// below it.
func LoadDisk(dir string) (*Disk, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	d := &Disk{names: map[string]*inode{}}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		d.names[filepath.Join(dir, e.Name())] = &inode{content: b}
	}
	d.durable = maps.Clone(d.names)
	return d, nil
}

// Apply takes the next Call. One that was refused changes nothing, but a Sync,
// after which what it was to write is written or not, for good.
func (d *Disk) Apply(c Call) {
	file := d.names[c.Path]
	switch {
	case c.Op == Sync && file == nil:
		if c.Errno == 0 { // a directory
			d.durable, d.pending = maps.Clone(d.names), nil
		}
	case c.Op == Sync && c.Errno != 0:
		file.doomed = append(file.doomed, file.pending...)
		file.pending = nil
	case c.Op == Sync:
		file.flush()
	case c.Errno != 0 || c.Op == Note:
	case c.Op == Create && file == nil:
		n := &inode{}
		d.name(func(names map[string]*inode) { names[c.Path] = n })
	case c.Op == Remove:
		d.name(func(names map[string]*inode) { delete(names, c.Path) })
	case c.Op == Rename:
		d.name(func(names map[string]*inode) {
			if n := names[c.Path]; n != nil {
				names[c.To] = n
				delete(names, c.Path)
			}
		})
	case c.Op == Write && file != nil:
		file.pending = append(file.pending, pagesOf(c.Offset, c.Data)...)
	case c.Op == Truncate && file != nil:
		file.pending = append(file.pending, change{at: c.Offset})
	}
}

// name changes the names of files.
func (d *Disk) name(f func(map[string]*inode)) {
	f(d.names)
	d.pending = append(d.pending, f)
}

// pagesOf cuts a write where a disk may.
func pagesOf(at int64, data []byte) (all []change) {
	for len(data) > 0 {
		n := min(pageSize-int(at%pageSize), len(data))
		all = append(all, change{at, data[:n]})
		at, data = at+int64(n), data[n:]
	}
	return all
}

// flush makes the pending changes durable, and the size with them. What a failed
// Sync left behind stays as doubtful as it was, but where it is written over.
func (n *inode) flush() {
	doomed := n.doomed
	n.doomed = nil
	for _, old := range doomed {
		if old.data == nil {
			n.content = old.apply(n.content)
			continue
		}
		over := func(c change) bool { return c.at == old.at && len(c.data) >= len(old.data) }
		if !slices.ContainsFunc(n.pending, over) {
			n.doomed = append(n.doomed, old)
		}
	}
	for _, c := range n.pending {
		n.content = c.apply(n.content)
	}
	n.pending = nil
}

func (c change) apply(content []byte) []byte {
	size := c.at + int64(len(c.data))
	if c.data == nil || int64(len(content)) < size {
		grown := make([]byte, size)
		copy(grown, content)
		content = grown
	} else {
		content = bytes.Clone(content)
	}
	copy(content[c.at:], c.data)
	return content
}

// Fate says what a loss of power does to one change that is not durable.
type Fate int

// What becomes of a change.
const (
	Lost Fate = iota
	Kept
	Torn // kept up to some sector
)

// Crash returns the files that a loss of power now would leave, fate being asked
// about each change that is not durable; random is for where pages are torn.
func (d *Disk) Crash(fate func() Fate, random *rand.Rand) map[string][]byte {
	names := maps.Clone(d.durable)
	for _, f := range d.pending {
		if fate() == Kept {
			f(names)
		}
	}
	files := map[string][]byte{}
	for path, n := range names {
		content := n.content
		for _, c := range append(n.doomed[:len(n.doomed):len(n.doomed)], n.pending...) {
			switch fate() {
			case Torn:
				if len(c.data) > sectorSize {
					c.data = c.data[:sectorSize*(1+random.IntN(len(c.data)/sectorSize))]
				}
				fallthrough
			case Kept:
				content = c.apply(content)
			}
		}
		files[path] = content
	}
	return files
}

// Open is how many changes are not durable now.
func (d *Disk) Open() int {
	open := len(d.pending)
	for _, n := range d.names {
		open += len(n.pending) + len(n.doomed)
	}
	return open
}

// Images calls f with what losses of power now may leave: everything lost,
// everything kept, every single change lost or kept alone, and samples random
// mixtures with torn pages among them.
func (d *Disk) Images(samples int, random *rand.Rand, f func(files map[string][]byte)) {
	open := d.Open()
	each := func(fate func(i int) Fate) {
		i := -1
		f(d.Crash(func() Fate { i++; return fate(i) }, random))
	}
	each(func(int) Fate { return Lost })
	if open == 0 {
		return
	}
	each(func(int) Fate { return Kept })
	for only := range open {
		if open == 1 {
			break
		}
		each(func(i int) Fate { return fateIf(i == only) })
		each(func(i int) Fate { return fateIf(i != only) })
	}
	for range samples {
		each(func(int) Fate { return Fate(random.IntN(3)) })
	}
}

func fateIf(kept bool) Fate {
	if kept {
		return Kept
	}
	return Lost
}

// WriteImage puts the files of an image that were in the directory from into the
// directory to, which is made.
func WriteImage(files map[string][]byte, from, to string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for path, content := range files {
		base, ok := strings.CutPrefix(path, from+string(filepath.Separator))
		if !ok {
			continue
		}
		if err := os.WriteFile(filepath.Join(to, base), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
