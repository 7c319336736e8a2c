package backup

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/private"
)

const (
	magic       = "coffer-backup 1\n" // the envelope is an age file
	magic2      = "coffer-backup 2\n" // it is of package approved; as long as magic
	magicPrefix = "coffer-backup "
	maxContents = 1 << 20
)

// Contents is what a backup says of itself in the clear (FORMAT.md, "The contents").
type Contents struct {
	ID         string      `json:"id"`
	Time       time.Time   `json:"time"`
	Program    string      `json:"program"`        // version of Coffer that wrote it
	Base       string      `json:"base,omitempty"` // ID of the file that it goes on from
	Partitions []Partition `json:"partitions"`
	// Shares tells of the shares that open it (share.Known); nil if none do.
	Shares map[string]string `json:"shares,omitempty"`
	// Approved says that the file is of version 2: sealed with approved algorithms.
	Approved bool `json:"approved,omitempty"`
}

// Partition is one partition of a backup.
type Partition struct {
	Slot       uint64 `json:"slot"`
	ID         string `json:"id"` // 32 hex
	Serial     string `json:"serial"`
	Label      string `json:"label"`
	Epoch      string `json:"epoch"`
	Generation uint64 `json:"generation"`
	Objects    int    `json:"objects"`
	Since      uint64 `json:"since,omitempty"` // only what changed after it is in the file; 0: all
}

func newContents(program string) *Contents {
	var id [16]byte
	rand.Read(id[:])
	return &Contents{ID: hex.EncodeToString(id[:]), Time: time.Now().UTC().Truncate(time.Second), Program: program}
}

// same reports whether two are states of one partition. Copies that were restored beside
// each other share an ID, and each has an epoch of its own.
func (p *Partition) same(o *Partition) bool { return p.ID == o.ID && p.Epoch == o.Epoch }

// find finds an earlier state of a partition; nil if there is none.
func (c *Contents) find(p *Partition) *Partition {
	for i := range c.Partitions {
		if c.Partitions[i].same(p) {
			return &c.Partitions[i]
		}
	}
	return nil
}

// head is both lines that a file begins with.
func (c *Contents) head() ([]byte, error) {
	line, err := json.Marshal(c)
	if err == nil && len(line) >= maxContents {
		err = errors.New("too many partitions for one backup")
	}
	return append(append([]byte(c.magic()), line...), '\n'), err
}

// magic is the first line.
func (c *Contents) magic() string {
	if c.Approved {
		return magic2
	}
	return magic
}

// ReadContents reads what the file at path says of itself. That is true if Verify says
// so.
func ReadContents(path string) (*Contents, error) {
	f, err := private.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, _, err := readHead(path, bufio.NewReader(f))
	return c, err
}

// readHead reads both lines and returns the bytes of them, too.
func readHead(name string, r *bufio.Reader) (c *Contents, head []byte, err error) {
	first, err := readLine(r, len(magic)+8)
	var system *fs.PathError
	switch {
	case errors.As(err, &system):
		return nil, nil, damage(name, err)
	case string(first) == magic, string(first) == magic2:
	case isBeginning(first):
		return nil, nil, damage(name, ErrDamaged)
	case isNewer(first):
		return nil, nil, damage(name, ErrNewer)
	default:
		return nil, nil, damage(name, ErrForeign)
	}
	line, err := readLine(r, maxContents)
	if err != nil {
		return nil, nil, damage(name, err)
	}
	c = &Contents{}
	if err := json.Unmarshal(line, c); err != nil {
		return nil, nil, damage(name, err)
	}
	if err := c.check(); err != nil {
		return nil, nil, damage(name, err)
	}
	if c.magic() != string(first) {
		return nil, nil, damage(name, errors.New("it is not of the version that it says"))
	}
	return c, append(first, line...), nil
}

// isBeginning reports whether text is cut off in the first line of a backup.
func isBeginning(text []byte) bool {
	return strings.HasPrefix(magic, string(text)) || strings.HasPrefix(magic2, string(text))
}

// check refuses what no backup says.
func (c *Contents) check() error {
	for i := range c.Partitions {
		p := &c.Partitions[i]
		id, ok := p.id()
		if !ok || c.find(p) != p || p.Serial != partition.SerialOf(id) {
			return errContents // by the number it is held against what the home has (hsm.Undoes)
		}
	}
	if len(c.Partitions) == 0 || c.ID == "" {
		return errContents
	}
	_, _, err := c.Known()
	return err
}

func (p *Partition) id() (id [16]byte, ok bool) {
	b, err := hex.DecodeString(p.ID)
	if err != nil || len(b) != len(id) {
		return id, false
	}
	return [16]byte(b), true
}

// isNewer tells the first line of a later version: a number of 1 to 5 digits.
func isNewer(line []byte) bool {
	number, is := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\n")), []byte(magicPrefix))
	return is && len(number) >= 1 && len(number) <= 5 && len(bytes.Trim(number, "0123456789")) == 0 && number[0] != '0'
}

// readLine reads a line, its end included, of at most a number of bytes.
func readLine(r *bufio.Reader, most int) (line []byte, err error) {
	for len(line) < most {
		c, err := r.ReadByte()
		if err != nil {
			return line, noEOF(err)
		}
		if line = append(line, c); c == '\n' {
			return line, nil
		}
	}
	return line, errors.New("a line is too long")
}
