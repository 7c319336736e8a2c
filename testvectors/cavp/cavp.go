// Package cavp reads the answer files of NIST's Cryptographic Algorithm Validation
// Program, and the few of RFCs in the same form, as Debian packages them in
// python3-cryptography-vectors. A file that is missing, that has no cases or that has
// lines of another form is an error: a test that runs nothing must not pass.
package cavp

import (
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"strings"

	"github.com/coffer-hsm/coffer/testvectors/field"
)

// Package is the Debian package that has the files.
const Package = "python3-cryptography-vectors"

// folder is where it puts them.
const folder = "/usr/lib/python3/dist-packages/cryptography_vectors"

// A File is the cases of one file, in its order.
type File struct {
	Name  string // as given to Load
	Cases []*Case
}

// A Case is one paragraph of a file with what it is to be held against. Names of
// fields are in lower case, whatever the file writes.
type Case struct {
	// Where is file and line, for messages.
	Where string
	// Section is the last line in brackets that has no value, such as ENCRYPT or P-256,SHA-1.
	Section string
	own     map[string]string // of the paragraph
	common  map[string]string // of what comes before it
}

// Load reads the cases of a file, named by its path in the package. A paragraph is a case
// if it has the field mark. The fields of lines in brackets and of all paragraphs are for
// the cases that follow too, unless they have their own.
func Load(name, mark string) (*File, error) {
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return nil, fmt.Errorf("%w (Debian's package %s has it)", err, Package)
	}
	return parse(name, mark, string(text))
}

// Names lists the files that fit a pattern of filepath.Match, each of which must be
// there. Error: that there is none.
func Names(pattern string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no file is named %s (Debian's package %s has such files)", pattern, Package)
	}
	for i := range paths {
		paths[i] = strings.TrimPrefix(paths[i], folder+"/")
	}
	return paths, nil
}

// parser holds what is known where it stands in a file.
type parser struct {
	file    *File
	mark    string
	section string
	common  map[string]string
	own     map[string]string
	line    int // of the paragraph's start
}

func parse(name, mark, text string) (*File, error) {
	p := &parser{file: &File{Name: name}, mark: mark, common: map[string]string{}, own: map[string]string{}}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			p.end()
		case line[0] == '#':
		case line[0] == '[':
			p.end()
			p.bracket(strings.Trim(line, "[]"))
		default:
			if len(p.own) == 0 {
				p.line = i + 1
			}
			if err := p.field(line); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, i+1, err)
			}
		}
	}
	p.end()
	if len(p.file.Cases) == 0 {
		return nil, fmt.Errorf("%s: no cases with %q", name, mark)
	}
	return p.file, nil
}

// bracket takes a line in brackets: fields for what follows, or a section's name.
func (p *parser) bracket(line string) {
	if !strings.Contains(line, "=") {
		p.section = line
		return
	}
	for part := range strings.SplitSeq(line, ",") {
		name, value, _ := strings.Cut(part, "=")
		p.common[fieldName(name)] = strings.TrimSpace(value)
	}
}

// field takes a line of a paragraph. A word by itself, such as FAIL, is a field without
// a value.
func (p *parser) field(line string) error {
	name, value, hasValue := strings.Cut(line, "=")
	name = fieldName(name)
	if name == "" || !hasValue && strings.Contains(name, " ") {
		return fmt.Errorf("%q is not a field", line)
	}
	if _, again := p.own[name]; again {
		return fmt.Errorf("%s comes twice in one paragraph", name)
	}
	p.own[name] = strings.TrimSpace(value)
	return nil
}

func fieldName(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// end ends a paragraph. Its fields go on for those that follow: some files write what is
// of a whole group into its first case.
func (p *parser) end() {
	if len(p.own) == 0 {
		return
	}
	if _, is := p.own[p.mark]; is {
		where := fmt.Sprintf("%s:%d", p.file.Name, p.line)
		p.file.Cases = append(p.file.Cases, &Case{where, p.section, p.own, p.common})
		p.common = maps.Clone(p.common) // the case has the other for good
	}
	maps.Copy(p.common, p.own)
	p.own = map[string]string{}
}

// String is Where.
func (c *Case) String() string { return c.Where }

// Has reports whether the case itself has a field.
func (c *Case) Has(name string) bool { _, ok := c.own[name]; return ok }

// Text is a field of the case, else the last one before it; empty if there is none.
func (c *Case) Text(name string) string {
	if v, ok := c.own[name]; ok {
		return v
	}
	return c.common[name]
}

// Before is a field in hex as the last paragraph before the case had it. It panics as Bytes
// does.
func (c *Case) Before(name string) []byte { return field.Hex(c.Where, name, c.common[name]) }

// Bytes is a field in hex. What is not hex is a fault of a test that asks for it: it
// panics.
func (c *Case) Bytes(name string) []byte { return field.Hex(c.Where, name, c.Text(name)) }

// Number is a field in hex as a number, without the zeros in front. It panics as Bytes does.
func (c *Case) Number(name string) *big.Int { return new(big.Int).SetBytes(c.Bytes(name)) }

// Int is a decimal field. What is none panics, as with Bytes.
func (c *Case) Int(name string) int { return field.Int(c.Where, name, c.Text(name)) }

// Passes reports whether the answer is that it is accepted: it says neither FAIL nor a
// result that starts with F.
func (c *Case) Passes() bool {
	return !c.Has("fail") && !strings.HasPrefix(strings.ToUpper(c.own["result"]), "F")
}
