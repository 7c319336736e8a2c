package backup

import (
	"bufio"
	"crypto/fips140"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"filippo.io/age"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/backup/approved"
	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// Chain is a full backup and increments, in the order in which they were made; most
// often one file.
type Chain struct {
	paths    []string
	contents []*Contents
	Keys     Identities            // what opens the files of version 1
	Approved []approved.Identity   // and those of version 2
	Progress func(done, total int) // counts records that were read; may be nil
}

// OpenChain reads what the files at some paths say of themselves, and that each goes on
// from the one before: ErrIncrement, ErrOrder, ErrLink. Keys are for the caller to set
// before more is asked of it.
func OpenChain(paths []string) (*Chain, error) {
	c := &Chain{paths: paths}
	for _, path := range paths {
		contents, err := ReadContents(path)
		if err != nil {
			return nil, err
		}
		c.contents = append(c.contents, contents)
	}
	if len(paths) == 0 {
		return nil, ErrIncrement
	}
	return c, c.linked()
}

// linked checks that each file goes on from the one before.
func (c *Chain) linked() error {
	before := ""
	for i, contents := range c.contents {
		there := slices.ContainsFunc(c.contents, func(o *Contents) bool { return o.ID == contents.Base })
		switch {
		case contents.Base == before:
		case contents.Base == "" || there:
			return fmt.Errorf("%s: %w", c.paths[i], ErrOrder)
		case i == 0:
			return fmt.Errorf("%s: %w", c.paths[i], ErrIncrement)
		default:
			return fmt.Errorf("%s: %w", c.paths[i], ErrLink)
		}
		before = contents.ID
	}
	for i := range c.contents[1:] {
		if err := c.follows(i + 1); err != nil {
			return fmt.Errorf("%s: %w", c.paths[i+1], err)
		}
	}
	return nil
}

// follows checks that partitions go on in file i from where the one before ends.
func (c *Chain) follows(i int) error {
	for _, p := range c.contents[i].Partitions {
		base := c.contents[i-1].find(&p)
		if p.Since != 0 && (base == nil || base.Generation != p.Since) {
			return ErrLink
		}
	}
	return nil
}

// Contents is what the newest file says: what would be restored.
func (c *Chain) Contents() *Contents { return c.contents[len(c.contents)-1] }

// All is what each file says, in the order of the chain.
func (c *Chain) All() []*Contents { return c.contents }

// part is a partition that is put together out of the files, the newest first.
type part struct {
	Partition
	imp    *partition.Import
	told   map[api.ObjectID]bool // by newer files; nil if none follows
	whole  bool                  // nothing older is needed
	st     store.Store           // nil: it is only checked
	newest bool                  // the file that is read is the newest
	root   *seal.Root            // of the file that is read
	step   func()
}

// read goes through all files and gives the partitions to their stores, if they have
// one. home is the root key that they are to be sealed under.
func (c *Chain) read(parts []*part, home *seal.Root) error {
	defer func() {
		for _, p := range parts {
			if p.imp != nil {
				p.imp.Close()
			}
		}
	}()
	done, total := 0, 0
	for _, p := range parts {
		total += p.Objects
		p.step = func() {
			if done++; c.Progress != nil {
				c.Progress(min(done, total), total)
			}
		}
	}
	for i := len(c.paths) - 1; i >= 0; i-- {
		if err := c.readFile(i, parts); err != nil {
			return damage(c.paths[i], err)
		}
	}
	for _, p := range parts {
		if err := p.imp.Finish(p.Generation, home); err != nil {
			return fmt.Errorf("partition %q: %w", p.Label, err)
		}
	}
	return nil
}

// readFile reads one file of the chain to its end.
func (c *Chain) readFile(i int, parts []*part) error {
	f, err := private.OpenFile(c.paths[i], os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	u, root, err := c.unseal(i, f)
	if err != nil {
		return err
	}
	defer root.Zero()
	for _, here := range c.contents[i].Partitions {
		at := slices.IndexFunc(parts, func(p *part) bool { return p.same(&here) })
		var v visitor = nobody{}
		if at >= 0 && !parts[at].whole {
			p := parts[at]
			p.newest, p.root = i == len(c.paths)-1, root
			if here.Since != 0 && p.told == nil {
				p.told = map[api.ObjectID]bool{}
			}
			v = p
		}
		if err := u.partition(v); err != nil {
			return err
		}
		if p, ours := v.(*part); ours {
			p.whole = here.Since == 0
		}
	}
	return u.last()
}

// open opens the envelope behind the head of a file.
func (c *Chain) open(r io.Reader, contents *Contents, head []byte) (io.Reader, error) {
	if contents.Approved {
		return approved.Open(r, head, c.Approved)
	}
	if fips140.Enforced() {
		return nil, ErrNotApproved
	}
	if len(c.Keys) == 0 {
		return nil, ErrKey
	}
	return age.Decrypt(r, c.Keys...)
}

// unseal opens the envelope and reads what its frames are under.
func (c *Chain) unseal(i int, f io.Reader) (*unframer, *seal.Root, error) {
	r := bufio.NewReaderSize(f, 64<<10)
	contents, head, err := readHead(c.paths[i], r)
	if err != nil {
		return nil, nil, err
	}
	opened, err := c.open(r, contents, head)
	if err != nil {
		return nil, nil, openError(c.paths[i], err)
	}
	u := &unframer{r: bufio.NewReaderSize(opened, 64<<10)}
	want := sha256.Sum256(head)
	sum, err := u.take(len(want))
	if err != nil {
		return nil, nil, err
	}
	if subtle.ConstantTimeCompare(sum, want[:]) != 1 {
		return nil, nil, errors.New("its contents are not those that it was made with")
	}
	key := secret.New(seal.KeySize)
	if _, err := io.ReadFull(u.r, key.Expose()); err != nil {
		key.Zero()
		return nil, nil, noEOF(err)
	}
	root, err := seal.NewRoot(key)
	return u, root, err
}

func (p *part) begin(wrap []byte) (err error) {
	if !p.newest {
		return nil
	}
	id, _ := p.id()
	p.imp, err = partition.NewImport(id, p.root, wrap, p.st)
	return err
}

func (p *part) value(name string, value []byte) error {
	if !p.newest {
		return nil
	}
	return p.imp.Value(name, value)
}

func (p *part) record(id api.ObjectID, record []byte) error {
	if p.told[id] {
		return nil
	}
	if p.told != nil {
		p.told[id] = true
	}
	p.step()
	return p.imp.Record(id, record)
}

func (p *part) deleted(id api.ObjectID) error {
	if p.told == nil {
		return errFrames
	}
	p.told[id] = true
	return nil
}

func (p *part) end() error { return nil }

// nobody does not want to know.
type nobody struct{}

func (nobody) begin([]byte) error                { return nil }
func (nobody) value(string, []byte) error        { return nil }
func (nobody) record(api.ObjectID, []byte) error { return nil }
func (nobody) deleted(api.ObjectID) error        { return nil }
func (nobody) end() error                        { return nil }
