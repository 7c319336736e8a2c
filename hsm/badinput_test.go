package hsm

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/soak"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// smallHome makes a home with two partitions of a few objects of each kind.
func smallHome(t *testing.T) Config {
	t.Helper()
	return homeOf(t, "one", "two")
}

func homeOf(t *testing.T, labels ...string) Config {
	t.Helper()
	c := newHome(t, cheapPINs)
	m := open(t, c)
	defer m.Close()
	for _, label := range labels {
		slot, err := m.Create(label, soPIN, userPIN)
		must(t, err)
		fillPartition(t, m.partitions[slot], label)
	}
	return c
}

func fillPartition(t *testing.T, p api.Partition, label string) {
	t.Helper()
	id, err := p.Login(ck.CKU_USER, userPIN)
	must(t, err)
	defer p.Logout(id)
	who := api.Caller{Identity: id, ReadWrite: true}
	for _, private := range []bool{true, false} {
		_, err = p.CreateObject(who, ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA), ck.Bool(ck.CKA_TOKEN, true),
			ck.Bool(ck.CKA_PRIVATE, private), ck.String(ck.CKA_LABEL, label), ck.Bytes(ck.CKA_VALUE, []byte(fmt.Sprint(label, private)))})
		must(t, err)
		_, err = p.GenerateKey(who, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, ck.Template{
			ck.Ulong(ck.CKA_VALUE_LEN, uint64(32)), ck.Bool(ck.CKA_TOKEN, true), ck.Bool(ck.CKA_ENCRYPT, true),
			ck.Bool(ck.CKA_PRIVATE, private), ck.String(ck.CKA_LABEL, label)})
		must(t, err)
	}
}

// contents is what there is to be seen in a home, by partition and object.
type contents map[string]string

// of is what a partition has of it.
func (c contents) of(label string) contents {
	c = maps.Clone(c)
	maps.DeleteFunc(c, func(name, _ string) bool { return !strings.HasPrefix(name, label) })
	return c
}

// useAll opens a home, logs in everywhere, reads every object and uses every key. The
// error is of all partitions that fail.
func useAll(c Config) (contents, error) {
	m, err := Open(c)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	all := contents{}
	for _, s := range m.Slots() {
		if s.Partition == nil {
			continue
		}
		err = errors.Join(err, useOne(s.Partition, all))
	}
	return all, err
}

func useOne(p api.Partition, all contents) error {
	if err := p.(interface{ Err() error }).Err(); err != nil {
		return err
	}
	id, err := p.Login(ck.CKU_USER, userPIN)
	if err != nil {
		return err
	}
	defer p.Logout(id)
	who := api.Caller{Identity: id, ReadWrite: true}
	label := p.Info().Label
	ids, err := p.AppendFound(nil, who, ck.Template{ck.Bool(ck.CKA_TOKEN, true)})
	for _, object := range ids {
		if err == nil {
			all[label+hex.EncodeToString(object[:])], err = see(p, who, object)
		}
	}
	return err
}

// see tells an object from all others: by its value, or by what it encrypts to.
func see(p api.Partition, who api.Caller, id api.ObjectID) (string, error) {
	want := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_LABEL}}, {Attribute: ck.Attribute{Type: ck.CKA_CLASS}},
		{Attribute: ck.Attribute{Type: ck.CKA_VALUE}}}
	if err := p.Attributes(who, id, want[:2]); err != nil {
		return "", err
	}
	switch ck.ObjectClass(want[1].Value[0]) {
	case ck.CKO_DATA:
		err := p.Attributes(who, id, want[2:])
		return string(want[0].Value) + " " + string(want[2].Value), err
	case ck.CKO_SECRET_KEY:
	default:
		return "built in", nil
	}
	op, err := p.Encrypt(who, &ck.Mechanism{Type: ck.CKM_AES_ECB}, id)
	if err != nil {
		return "", err
	}
	defer op.Close()
	out := make([]byte, 16)
	_, err = op.OneShot(out, make([]byte, 16))
	return string(want[0].Value) + " " + hex.EncodeToString(out), err
}

// image is all files below a directory, by path.
type image map[string][]byte

func takeImage(t *testing.T, dir string) image {
	t.Helper()
	all := image{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			all[path], err = os.ReadFile(path)
		}
		return err
	}))
	return all
}

// putBack writes files as they were, in place.
func (i image) putBack(t *testing.T) {
	t.Helper()
	for path, b := range i {
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, b) {
			must(t, overwrite(path, b))
		}
	}
}

// overwrite writes a file in place. One that keeps its length is not emptied first, for
// which a file system may want to have written it.
func overwrite(path string, b []byte) error {
	if info, err := os.Stat(path); err != nil || info.Size() != int64(len(b)) {
		return os.WriteFile(path, b, 0o600)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	return errors.Join(err, f.Close())
}

// copyTo makes another home of the files of one, and is its image.
func (i image) copyTo(t *testing.T, from, to string) image {
	t.Helper()
	there := image{}
	for path, b := range i {
		path = filepath.Join(to, strings.TrimPrefix(path, from))
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, b, 0o600))
		there[path] = b
	}
	return there
}

var seed = maphash.MakeSeed()

// unchanged is a digest of all that Check must not change: content, modes and times.
func unchanged(t *testing.T, dir string) uint64 {
	t.Helper()
	var h maphash.Hash
	h.SetSeed(seed)
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&h, path, info.Mode(), info.ModTime().UnixNano(), info.Sys().(*syscall.Stat_t).Ctim.Nano(), info.Size())
		if d.Type().IsRegular() {
			b, err := os.ReadFile(path)
			h.Write(b)
			return err
		}
		return nil
	}))
	return h.Sum64()
}

// TestCutFiles cuts files of a home at many lengths.
func TestCutFiles(t *testing.T) {
	c := smallHome(t)
	want, err := useAll(c)
	must(t, err)
	before := takeImage(t, c.Home)
	for path, b := range before {
		if strings.Contains(path, "/2/") || filepath.Base(path) == lockName || isHomeLog(c, path) {
			continue
		}
		step := max(1, len(b)/soak.Or(200, 7))
		for n := 0; n < len(b); n += step {
			before.putBack(t)
			must(t, os.WriteFile(path, b[:n], 0o600))
			judge(t, c, fmt.Sprintf("%s cut to %d bytes of %d", path, n, len(b)), before, want)
		}
	}
}

// judge holds a home in which something is wrong against what it must do: work on and
// be right, or name it, have it found by Check, and lose nothing.
func judge(t *testing.T, c Config, what string, before image, want contents) {
	t.Helper()
	report, err := Check(c, CheckOptions{})
	must(t, err)
	got, err := useAll(c)
	switch {
	case err == nil && !maps.Equal(got, want):
		t.Errorf("%s: what is there is not right, and nobody said so", what)
	case err != nil && report.Sound():
		t.Errorf("%s: Check has not found it: %v", what, err)
	case err != nil && (ck.Code(err) == ck.CKR_GENERAL_ERROR || ck.Code(err) == ck.CKR_PIN_INCORRECT):
		t.Errorf("%s: %v", what, err)
	}
	before.putBack(t)
	if got, err := useAll(c); err != nil || !maps.Equal(got, want) {
		t.Errorf("%s: when it was put right: %v", what, err)
	}
}

// TestWrongFiles puts files where they do not belong, and makes them somebody else's.
// All of it is named, by its use and by Check, and nothing is lost.
func TestWrongFiles(t *testing.T) {
	c, other := smallHome(t), smallHome(t)
	store := func(c Config, n string) string { return filepath.Join(c.Home, partitionsName, n, dataFile) }
	for _, test := range []struct {
		name   string
		spoil  func() error
		naming string
	}{
		{"the other partition's store", swap(store(c, "1"), store(c, "2")), "not the one of this store"},
		{"another home's store", copyOver(store(other, "1"), store(c, "1")), "not sealed under this root key"},
		{"another home's root key", copyOver(filepath.Join(other.Home, rootName), filepath.Join(c.Home, rootName)), rootName},
		{"another home's first file", copyOver(filepath.Join(other.Home, homeName), filepath.Join(c.Home, homeName)), "root key"},
		{"a newer home", edit(filepath.Join(c.Home, homeName), "coffer-home 1", "coffer-home 2"), "newer"},
		{"a newer root key", edit(filepath.Join(c.Home, rootName), "version 1", "version 2"), "newer"},
		{"a newer store", edit(store(c, "1"), "\x00\x00\x00\x01\x00\x00\x00\x00", "\x00\x00\x00\x02\x00\x00\x00\x00"), "newer"},
		{"a newer partition", edit(store(c, "1"), "\x03{\"id\":", "\x04{\"id\":"), "newer"},
		{"a newer lock", edit(filepath.Join(c.Home, partitionsName, "1", lockFile), "COFFERLK\x01", "COFFERLK\x02"), "newer"},
		{"a root key for all to read", mode(filepath.Join(c.Home, rootName), 0o644), "chmod 600"},
		{"a store for all to read", mode(store(c, "1"), 0o604), "chmod 600"},
		{"a store of another user", owner(store(c, "1"), 4321), "4321"},
		{"a root key of another user", owner(filepath.Join(c.Home, rootName), 4321), "4321"},
		{"a home that others write to", mode(c.Home, 0o777), "chmod 700"},
		{"a first file for all to read", mode(filepath.Join(c.Home, homeName), 0o644), "chmod 600"},
		{"a first file of another user", owner(filepath.Join(c.Home, homeName), 4321), "4321"},
		{"partitions that others write to", mode(filepath.Join(c.Home, partitionsName), 0o770), "chmod 700"},
		{"partitions of another user", owner(filepath.Join(c.Home, partitionsName), 4321), "4321"},
		{"a home's log that others write to", mode(filepath.Join(c.Home, auditName), 0o777), "chmod 700"},
		{"a partition that others write to", mode(filepath.Dir(store(c, "1")), 0o770), "chmod 700"},
		{"a store that is a link", link(store(c, "1")), "symbolic link"},
	} {
		t.Run(test.name, func(t *testing.T) {
			want, err := useAll(c)
			must(t, err)
			before := takeImage(t, c.Home)
			must(t, test.spoil())
			report, err := Check(c, CheckOptions{})
			must(t, err)
			got, err := useAll(c)
			if test.naming == "" {
				if err != nil || !maps.Equal(got, want) {
					t.Errorf("%v", err)
				}
			} else if err == nil || !strings.Contains(err.Error(), test.naming) {
				t.Errorf("used: %v; want one that says %q", err, test.naming)
			} else if report.Sound() {
				t.Error("Check has not found it")
			}
			for path := range before {
				os.Remove(path)
				must(t, os.WriteFile(path, before[path], 0o600))
				for dir := filepath.Dir(path); dir != filepath.Dir(c.Home); dir = filepath.Dir(dir) {
					must(t, errors.Join(os.Chmod(dir, 0o700), os.Chown(dir, os.Geteuid(), -1)))
				}
			}
			if got, err := useAll(c); err != nil || !maps.Equal(got, want) {
				t.Errorf("when it was put right: %v", err)
			}
		})
	}
}

// TestTextsArePrivate: each of the home's own files of text is refused if others can read or
// change it, by all who read it.
func TestTextsArePrivate(t *testing.T) {
	c := smallHome(t)
	h := home{dir: c.Home}
	root, err := h.unseal(rootName)
	must(t, err)
	defer root.Zero()
	key, err := h.logKeyName(root)
	must(t, err)
	must(t, h.startPlacing([]placed{{From: newPrefix + "x", Slot: 9}}))
	for name, read := range map[string]func() error{
		homeName:    func() error { _, err := h.fingerprint(); return err },
		placingName: func() error { _, err := h.readPlacing(); return err },
		key: func() error {
			l, err := h.openLog(root)
			if err == nil {
				l.close()
			}
			return err
		},
	} {
		must(t, read())
		for _, mode := range []fs.FileMode{0o640, 0o606} {
			must(t, os.Chmod(h.path(name), mode))
			if err := read(); !errors.Is(err, store.ErrPermission) || !strings.Contains(err.Error(), "chmod 600") {
				t.Errorf("%s with mode %o: %v", name, mode, err)
			}
		}
		must(t, os.Chmod(h.path(name), 0o600))
	}
	must(t, os.Truncate(h.path(homeName), maxText+1))
	if _, err := h.fingerprint(); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a file without an end: %v", err)
	}
}

func swap(a, b string) func() error {
	return func() error {
		x, err := os.ReadFile(a)
		y, err2 := os.ReadFile(b)
		return errors.Join(err, err2, os.WriteFile(a, y, 0o600), os.WriteFile(b, x, 0o600))
	}
}

func copyOver(from, to string) func() error {
	return func() error {
		b, err := os.ReadFile(from)
		return errors.Join(err, os.WriteFile(to, b, 0o600))
	}
}

func edit(path, old, new string) func() error {
	return func() error {
		b, err := os.ReadFile(path)
		if err == nil && !bytes.Contains(b, []byte(old)) {
			err = fmt.Errorf("%s has no %q", path, old)
		}
		return errors.Join(err, os.WriteFile(path, bytes.ReplaceAll(b, []byte(old), []byte(new)), 0o600))
	}
}

func mode(path string, m fs.FileMode) func() error { return func() error { return os.Chmod(path, m) } }

func owner(path string, uid int) func() error { return func() error { return os.Chown(path, uid, -1) } }

func link(path string) func() error {
	return func() error {
		return errors.Join(os.Rename(path, path+"-"), os.Symlink(path+"-", path))
	}
}
