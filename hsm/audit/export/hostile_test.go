package export

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coffer-hsm/coffer/hsm/audit"
)

// splitCEF takes a line apart as the format's rules say: the fields of the header, and
// the keys of the extension.
func splitCEF(line string) (header []string, keys map[string]string, err error) {
	body, ok := strings.CutPrefix(line, "CEF:0|")
	if !ok {
		return nil, nil, fmt.Errorf("no prefix")
	}
	var field strings.Builder
	for i := 0; i < len(body) && len(header) < 6; i++ {
		switch c := body[i]; {
		case c == '\\' && i+1 < len(body) && strings.IndexByte(`\|`, body[i+1]) >= 0:
			i++
			field.WriteByte(body[i])
		case c == '|':
			header = append(header, field.String())
			field.Reset()
			if len(header) == 6 {
				keys, err = splitExtension(body[i+1:])
			}
		default:
			field.WriteByte(c)
		}
	}
	if len(header) != 6 {
		return nil, nil, fmt.Errorf("%d fields", len(header))
	}
	return header, keys, err
}

// splitExtension reads key=value pairs. A key is the word before an "=" that is not
// escaped; its value goes to the space before the next key.
func splitExtension(s string) (map[string]string, error) {
	type sign struct{ key, equals int }
	var signs []sign
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '=':
			signs = append(signs, sign{strings.LastIndexByte(s[:i], ' ') + 1, i})
		}
	}
	keys := map[string]string{}
	for n, at := range signs {
		end := len(s)
		if n+1 < len(signs) {
			end = signs[n+1].key - 1
		}
		key := s[at.key:at.equals]
		if _, twice := keys[key]; twice || key == "" || end < at.equals+1 {
			return nil, fmt.Errorf("key %q", key)
		}
		keys[key] = strings.NewReplacer(`\\`, `\`, `\=`, `=`, `\n`, "\n", `\r`, "\r").Replace(s[at.equals+1 : end])
	}
	return keys, nil
}

// hostile is a record that says the same thing wherever something can be said.
func hostile(text string) audit.Record {
	return audit.Record{Seq: 3, Time: time.Unix(1_767_323_045, 0), PID: 1, Act: audit.Act(text), Program: text, Who: text,
		Result: text, Object: text, Class: text, KeyType: text, Mechanism: text, Detail: text}
}

// checkHostile holds every format to the record being one line that says just that.
func checkHostile(t *testing.T, text string) {
	want := printable(text)
	r := []audit.Record{hostile(text)}
	for _, format := range Formats() {
		out := string(export(t, format, r))
		line, ended := strings.CutSuffix(out, "\n")
		if !ended || strings.ContainsFunc(line, isObeyed) || !utf8.ValidString(line) {
			t.Fatalf("%s of %q: %q", format, text, out)
		}
		if format != "cef" {
			if !json.Valid([]byte(line)) {
				t.Fatalf("%s of %q: %q", format, text, out)
			}
			continue
		}
		header, keys, err := splitCEF(line)
		if err != nil {
			t.Fatalf("%q: %v in %q", text, err, line)
		}
		inHeader := strings.NewReplacer("\n", " ", "\r", " ")
		if header[3] != inHeader.Replace(want) || header[4] != inHeader.Replace(printable(rowOf(audit.Act(text)).name)) {
			t.Fatalf("%q: header %q", text, header)
		}
		for _, key := range []string{"act", "reason", "suser", "sproc", "cs1", "cs2", "cs3", "cs4", "msg"} {
			if keys[key] != want {
				t.Fatalf("%q: %s is %q in %q", text, key, keys[key], line)
			}
		}
		if keys["spid"] != "1" || keys["externalId"] != "3" || keys["outcome"] != "failure" && want != "CKR_OK" && want != "CKR_PENDING" {
			t.Fatalf("%q: %q", text, line)
		}
	}
}

var hostileTexts = []string{
	"a|b", `a\|b`, `c\`, "d=e", "msg=f act=login", "g\nh", "i\r\nCEF:0|x|", "\x1b[2J", "\u009b31m", "\xff\xfe",
	"\u202eabc", "\U000e0001", `\n`, " ", "=", "\x00", `"},{"`, "\u2028", "<script>", "CKR_OK",
}

func TestHostile(t *testing.T) {
	for _, text := range hostileTexts {
		checkHostile(t, text)
	}
}

func FuzzHostile(f *testing.F) {
	for _, text := range hostileTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text != "" {
			checkHostile(t, text)
		}
	})
}

// TestJSONSame: the escapes change nothing of what the line says.
func TestJSONSame(t *testing.T) {
	for _, text := range hostileTexts {
		want := hostile(strings.ToValidUTF8(text, "\uFFFD"))
		var got audit.Record
		if err := json.Unmarshal(export(t, "json", []audit.Record{want}), &got); err != nil || got.Detail != want.Detail || got.Who != want.Who {
			t.Errorf("%q: %v, %+v", text, err, got)
		}
	}
}
