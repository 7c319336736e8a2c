package seal

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

//go:embed testdata/version1.json
var version1 []byte

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

type knownAnswers struct {
	Root, Partition, Record, Key, Plain hexBytes
	Generation                          uint64
	Sealed, Empty, Wrapped, State       hexBytes
	PIN, PIN2, PINBlob, PINBlob2        hexBytes
	Tag, Set, MAC, Pepper               hexBytes
	Fingerprint, KeyFile                string
}

func (k knownAnswers) place(part byte) Place {
	return Place{[16]byte(k.Partition), [16]byte(k.Record), k.Generation, part}
}

func known(t testing.TB) (k knownAnswers, p *PartitionRoot) {
	t.Helper()
	if err := json.Unmarshal(version1, &k); err != nil {
		t.Fatal(err)
	}
	r, err := NewRoot(secret.From(bytes.Clone(k.Root)))
	if err != nil {
		t.Fatal(err)
	}
	return k, r.Partition([16]byte(k.Partition))
}

// What version 1 wrote opens for ever.
func TestVersion1(t *testing.T) {
	k, p := known(t)
	key := &Key{secret.From(bytes.Clone(k.Key))}
	same := func(what string, got, want []byte, err error) {
		t.Helper()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x, want %x (%v)", what, got, want, err)
		}
	}
	plain, err := key.Open(k.place(7), k.Sealed)
	same("sealed", plain.Expose(), k.Plain, err)
	empty, err := key.OpenBytes(k.place(0), k.Empty)
	same("empty", empty, nil, err)
	state, err := p.OpenState("header", k.Generation, k.State)
	same("state", state, []byte("counters"), err)
	same("pepper", p.pepper.Expose(), k.Pepper, nil)
	for what, open := range map[string]func() (*Key, error){
		"wrapped": func() (*Key, error) { return p.UnwrapKey(k.Wrapped, "public objects") },
		"PIN":     func() (*Key, error) { return p.UnwrapPIN(1, k.PIN, k.PINBlob) },
		"PIN 2":   func() (*Key, error) { return p.UnwrapPIN(0, k.PIN2, k.PINBlob2) },
	} {
		got, err := open()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		same(what, got.key.Expose(), k.Key, nil)
	}
	file, err := rootKeyText.parse([]byte(k.KeyFile))
	same("key file", file.Expose(), k.Root, err)
}

func TestVersion1Tags(t *testing.T) {
	k, p := known(t)
	tag := p.RecordTag([16]byte(k.Record), k.Sealed)
	var set SetDigest
	set.Add(p.RecordTag([16]byte(k.Partition), k.Empty))
	set.Add(tag)
	mac := p.MAC("label", []byte("a"), nil, []byte("bc"))
	if !bytes.Equal(tag[:], k.Tag) || !bytes.Equal(set[:], k.Set) || !bytes.Equal(mac[:], k.MAC) {
		t.Errorf("tag %x\nset %x\nMAC %x", tag, set, mac)
	}
	r, _ := NewRoot(secret.From(bytes.Clone(k.Root)))
	if name, err := r.Fingerprint(); err != nil || name != k.Fingerprint {
		t.Errorf("fingerprint %s, %v", name, err)
	}
	if text := rootKeyText.format(secret.From(bytes.Clone(k.Root))); string(text.Expose()) != k.KeyFile {
		t.Errorf("key file %q", text.Expose())
	}
}
