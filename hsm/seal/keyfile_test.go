package seal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func newKeyFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "root.key")
	if err := CreateKeyFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKeyFile(t *testing.T) {
	path := newKeyFile(t)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 || info.Size() != int64(rootKeyText.size()) {
		t.Fatalf("%v, %v", info, err)
	}
	u := KeyFile(path)
	if !strings.Contains(u.Name(), path) {
		t.Errorf("Name %q", u.Name())
	}
	a, err := u.Unseal()
	if err != nil {
		t.Fatal(err)
	}
	b, err := u.Unseal()
	if err != nil || !bytes.Equal(a.Expose(), b.Expose()) || a.Len() != KeySize {
		t.Fatal("two readings differ", err)
	}
	other, _ := KeyFile(newKeyFile(t)).Unseal()
	if bytes.Equal(a.Expose(), other.Expose()) {
		t.Fatal("two files have one key")
	}
}

func TestKeyFileErrors(t *testing.T) {
	good := newKeyFile(t)
	text, _ := os.ReadFile(good)
	write := func(content string, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "k")
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		os.Chmod(path, mode)
		return path
	}
	for _, c := range []struct {
		what, path string
		want       error
		says       string
	}{
		{"missing", good + "x", ErrKeyFileMissing, "put it back"},
		{"group may read", write(string(text), 0o640), ErrKeyFilePermission, "chmod 600"},
		{"world may read", write(string(text), 0o604), ErrKeyFilePermission, "chmod 600"},
		{"directory", t.TempDir(), ErrKeyFileForeign, "path"},
		{"empty", write("", 0o600), ErrKeyFileForeign, "path"},
		{"foreign", write("-----BEGIN PRIVATE KEY-----\n", 0o600), ErrKeyFileForeign, "path"},
		{"newer", write("coffer root key, version 20\nwhat not\n", 0o600), ErrKeyFileNewer, "upgrade"},
		{"no version", write("coffer root key, version x\n", 0o600), ErrKeyFileForeign, "path"},
		{"short", write(string(text[:len(text)-1]), 0o600), ErrKeyFileDamaged, "backup"},
		{"long", write(string(text)+"\n", 0o600), ErrKeyFileDamaged, "backup"},
		{"CRLF", write(strings.ReplaceAll(string(text), "\n", "\r\n"), 0o600), ErrKeyFileForeign, "path"},
		{"upper case", write(strings.ToUpper(string(text[:90]))+string(text[90:]), 0o600), ErrKeyFileForeign, "path"},
	} {
		_, err := KeyFile(c.path).Unseal()
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.path) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// Any changed byte is noticed, and never shows key digits in the error.
func TestKeyFileTampered(t *testing.T) {
	text, _ := os.ReadFile(newKeyFile(t))
	for i := range text {
		for _, flip := range []byte{1, 0x20, 0x80} {
			changed := bytes.Clone(text)
			changed[i] ^= flip
			if _, err := rootKeyText.parse(changed); err == nil {
				t.Fatalf("byte %d may change by %#x", i, flip)
			}
		}
	}
}

func TestCreateKeyFileKeepsWhatIsThere(t *testing.T) {
	path := newKeyFile(t)
	before, _ := os.ReadFile(path)
	if err := CreateKeyFile(path); !errors.Is(err, ErrKeyFileExists) || !strings.Contains(err.Error(), path) {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Fatal("overwritten")
	}
	if err := CreateKeyFile(filepath.Join(path, "below")); err == nil {
		t.Fatal("created below a file")
	}
}

func FuzzParseKeyFile(f *testing.F) {
	text, _ := os.ReadFile(newKeyFile(f))
	f.Add(text)
	f.Add([]byte("coffer root key, version 2\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		key, err := rootKeyText.parse(b)
		if err == nil && !bytes.Equal(rootKeyText.format(key).Expose(), b) {
			t.Fatal("a text is read that would not be written")
		}
	})
}

// Whoever looks while a key file is made sees none or a whole one: who is killed in
// the middle leaves nothing that the next attempt would stumble over.
func TestKeyFileIsWholeOrNot(t *testing.T) {
	dir := t.TempDir()
	for i := range 100 {
		path := filepath.Join(dir, fmt.Sprint(i))
		made := make(chan error)
		go func() { made <- CreateKeyFile(path) }()
		for {
			text, err := os.ReadFile(path)
			if err == nil && len(text) == rootKeyText.size() {
				break
			}
			if err == nil {
				t.Errorf("a key file of %d bytes", len(text))
				break
			}
		}
		if err := <-made; err != nil {
			t.Fatal(err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}
