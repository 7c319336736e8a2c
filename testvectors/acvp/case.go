package acvp

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"

	"github.com/coffer-hsm/coffer/testvectors/field"
)

// A Case is one test: the fields of its group, of the prompt and of the answer.
type Case struct {
	// Where is algorithm, group and test, for messages.
	Where     string
	Algorithm string
	fields    fields
}

// String is Where.
func (c *Case) String() string { return c.Where }

// Has reports whether there is a field.
func (c *Case) Has(name string) bool { _, ok := c.fields[name]; return ok }

// Text is a field that is text, or a number or a truth value as JSON writes it; empty if
// there is none.
func (c *Case) Text(name string) string {
	raw := c.fields[name]
	if len(raw) == 0 || raw[0] != '"' {
		return string(raw)
	}
	var text string
	c.parse(name, &text)
	return text
}

// parse reads a field that a test asks for. What cannot be read is a fault of the test: it
// panics.
func (c *Case) parse(name string, v any) {
	if err := json.Unmarshal(c.fields[name], v); err != nil {
		panic(fmt.Sprintf("%s: %s: %v", c.Where, name, err))
	}
}

// Bytes is a field in hex. What is not hex panics, as in all that follows.
func (c *Case) Bytes(name string) []byte { return field.Hex(c.Where, name, c.Text(name)) }

// Number is a field in hex as a number.
func (c *Case) Number(name string) *big.Int { return new(big.Int).SetBytes(c.Bytes(name)) }

// Int is a number in decimal.
func (c *Case) Int(name string) int { return field.Int(c.Where, name, c.Text(name)) }

// Passes reports whether the answer is that it is accepted: it does not say that the test
// did not pass.
func (c *Case) Passes() bool { return c.Text("testPassed") != "false" }

// Object is the fields of a field. One that is not there has none.
func (c *Case) Object(name string) *Case {
	o := &Case{Where: c.Where, Algorithm: c.Algorithm}
	if c.Has(name) {
		c.parse(name, &o.fields)
	}
	return o
}

// List is the fields of each object in a list.
func (c *Case) List(name string) []*Case {
	var list []fields
	c.parse(name, &list)
	cases := make([]*Case, len(list))
	for i, f := range list {
		cases[i] = &Case{fmt.Sprintf("%s, %d of %s", c.Where, i, name), c.Algorithm, f}
	}
	return cases
}

// MonteCarlo is the testType of tests whose answer is a list of steps, each of a thousand
// operations one after the other.
const MonteCarlo = "MCT"

// Steps are those of a Monte Carlo test; of another it is the only one. Each has the fields
// of the test with its own in their place. A step of digests starts from a message, msg:
// that is what the one before has come to, md.
func (c *Case) Steps() []*Case {
	if c.Text("testType") != MonteCarlo {
		return []*Case{c}
	}
	steps := c.List("resultsArray")
	msg, ofDigests := c.fields["msg"]
	for _, s := range steps {
		own := s.fields
		s.fields = maps.Clone(c.fields)
		delete(s.fields, "resultsArray")
		delete(s.fields, "len") // of the first message
		maps.Copy(s.fields, own)
		if ofDigests {
			s.fields["msg"], msg = msg, own["md"]
		}
	}
	return steps
}
