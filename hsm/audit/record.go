package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Event is what the one who acts knows. The zero value of a field leaves it out.
type Event struct {
	Act          Act
	Who          string // so, user, a user's name, public
	Result       ck.RV
	Object       [16]byte
	Class        ck.ObjectClass // of Object; counts only if Object is set
	KeyType      ck.KeyType     // counts only if IsKey
	IsKey        bool
	Mechanism    ck.MechanismType // counts only if HasMechanism
	HasMechanism bool
	Count        uint64 // uses
	First, Last  time.Time
	Detail       string // never a label, never anything secret
	Of           int64  // the record that began what this one ends; 0: none
	Slot         uint64 // of a partition, in the home's log
}

// Record is a line of the log (FORMAT.md, "A record").
type Record struct {
	Version    int        `json:"v"`
	Seq        int64      `json:"seq"`
	Time       time.Time  `json:"time"`
	Generation uint64     `json:"gen,omitempty"`
	PID        int        `json:"pid"`
	Program    string     `json:"prog"`
	UID        int        `json:"uid"`
	Who        string     `json:"who,omitempty"`
	Act        Act        `json:"act"`
	Result     string     `json:"rv"`
	Object     string     `json:"object,omitempty"`
	Class      string     `json:"class,omitempty"`
	KeyType    string     `json:"type,omitempty"`
	Mechanism  string     `json:"mech,omitempty"`
	Count      uint64     `json:"n,omitempty"`
	First      *time.Time `json:"first,omitempty"`
	Last       *time.Time `json:"last,omitempty"`
	Detail     string     `json:"detail,omitempty"`
	Slot       uint64     `json:"slot,omitempty"`
	Of         int64      `json:"of,omitempty"`
}

const formatVersion = 1

// program is the name of the executable that this process runs.
var program = sync.OnceValue(func() string {
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return "unknown"
	}
	return filepath.Base(path)
})

// record makes the record of an event.
func (e *Event) record(seq int64, generation uint64) Record {
	r := Record{
		Version: formatVersion, Seq: seq, Time: time.Now().UTC(), Generation: generation,
		PID: os.Getpid(), Program: program(), UID: os.Geteuid(),
		Who: e.Who, Act: e.Act, Result: e.Result.Error(), Count: e.Count, Detail: shortened(e.Detail), Slot: e.Slot, Of: e.Of,
	}
	if e.Object != ([16]byte{}) {
		r.Object = hexID(e.Object)
		r.Class = e.Class.String()
	}
	if e.IsKey {
		r.KeyType = e.KeyType.String()
	}
	if e.HasMechanism {
		r.Mechanism = e.Mechanism.String()
	}
	if !e.First.IsZero() {
		first, last := e.First.UTC(), e.Last.UTC()
		r.First, r.Last = &first, &last
	}
	return r
}

// maxDetail is how much an event says for people, in bytes: whatever it consists of, the
// line of the record is shorter than what a walker takes.
const maxDetail = 8 << 10

// shortened cuts a detail, and says how much was cut.
func shortened(detail string) string {
	if len(detail) <= maxDetail {
		return detail
	}
	text := strings.ToValidUTF8(detail[:maxDetail], "")
	return fmt.Sprintf("%s ... (%d bytes more)", text, len(detail)-len(text))
}

// line is the JSON of v, ended by a newline.
func line(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// parseRecord reads a line, without its newline, that must be record seq.
func parseRecord(b []byte, seq int64) (r Record, err error) {
	if err := json.Unmarshal(b, &r); err != nil {
		return r, damaged(seq, "not a record")
	}
	if r.Version != formatVersion {
		return r, ErrNewer
	}
	if r.Seq != seq {
		return r, damaged(seq, "it says that it is record %d", r.Seq)
	}
	return r, nil
}
