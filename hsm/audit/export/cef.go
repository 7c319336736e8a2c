package export

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-hsm/coffer/hsm/audit"
)

const vendor, product = "Coffer", "Coffer"

// cefSeverity are the severities in CEF's numbers from 0 to 10.
var cefSeverity = map[severity]string{informational: "1", low: "3", medium: "6", high: "8"}

// cefOutcome are the values of the key outcome.
var cefOutcome = map[outcome]string{succeeded: "success", failed: "failure", begun: "attempt"}

// cefHeader and cefValue escape text, as the Common Event Format has it for what is
// before the extension and for the values in it.
var (
	cefHeader = strings.NewReplacer(`\`, `\\`, `|`, `\|`, "\n", " ", "\r", " ")
	cefValue  = strings.NewReplacer(`\`, `\\`, `=`, `\=`, "\n", `\n`, "\r", `\r`)
)

// cefLine is a line of CEF (Micro Focus ArcSight Common Event Format, version 0) in the
// making.
type cefLine struct {
	strings.Builder
	keys bool // whether the extension has begun
}

// header adds a field that stands before the extension.
func (l *cefLine) header(s string) {
	l.WriteString(cefHeader.Replace(printable(s)))
	l.WriteByte('|')
}

// add adds a key of the extension, unless it is empty.
func (l *cefLine) add(key, value string) {
	if value == "" {
		return
	}
	if l.keys {
		l.WriteByte(' ')
	}
	l.keys = true
	l.WriteString(key + "=" + cefValue.Replace(printable(value)))
}

// labelled adds a custom key with its label.
func (l *cefLine) labelled(key, label, value string) {
	if value != "" {
		l.add(key+"Label", label)
		l.add(key, value)
	}
}

func cef(w io.Writer, s Source) Printer {
	return func(r *audit.Record) error {
		l := &cefLine{}
		l.WriteString("CEF:0|")
		for _, field := range []string{vendor, product, s.Version, string(r.Act), rowOf(r.Act).name, cefSeverity[severityOf(r)]} {
			l.header(field)
		}
		l.extension(r, s)
		l.WriteByte('\n')
		_, err := io.WriteString(w, l.String())
		return err
	}
}

func (l *cefLine) extension(r *audit.Record, s Source) {
	l.add("rt", millis(&r.Time))
	l.add("start", millis(r.First))
	l.add("end", millis(r.Last))
	l.add("externalId", strconv.FormatInt(r.Seq, 10))
	l.add("deviceExternalId", s.Log)
	l.add("act", string(r.Act))
	l.add("outcome", cefOutcome[outcomeOf(r)])
	l.add("reason", r.Result)
	l.add("suser", r.Who)
	l.add("suid", strconv.Itoa(r.UID))
	l.add("sproc", r.Program)
	l.add("spid", strconv.Itoa(r.PID))
	l.add("cnt", number(r.Count))
	l.labelled("cs1", "objectId", r.Object)
	l.labelled("cs2", "objectClass", r.Class)
	l.labelled("cs3", "keyType", r.KeyType)
	l.labelled("cs4", "mechanism", r.Mechanism)
	l.labelled("cn1", "generation", number(r.Generation))
	if r.Of != 0 {
		l.labelled("cn2", "begunInRecord", strconv.FormatInt(r.Of, 10))
	}
	l.labelled("cn3", "slot", number(r.Slot))
	l.add("msg", r.Detail)
}

// millis is a time in milliseconds since 1970; none is empty.
func millis(t *time.Time) string {
	if t == nil {
		return ""
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

// number is n, or nothing for 0.
func number(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}
