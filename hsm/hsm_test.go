package hsm

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
)

var (
	soPIN   = []byte("so-pin-1")
	userPIN = []byte("user-pin-1")
)

// cheapPINs is a configuration for tests that are not about the cost of a guess.
const cheapPINs = "[pin]\nargon2-passes = 1\nargon2-memory-kib = 64\n"

// newHome makes a directory with a configuration and returns it.
func newHome(t *testing.T, config string) Config {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, configName), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return Config{Home: dir}
}

func open(t *testing.T, c Config) *Module {
	t.Helper()
	m, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func slotIDs(m *Module) (ids []ck.SlotID) {
	for _, s := range m.Slots() {
		ids = append(ids, s.ID)
	}
	return ids
}

func TestSlotNumbersStay(t *testing.T) {
	c := newHome(t, cheapPINs)
	m, other := open(t, c), open(t, c)
	if got := slotIDs(m); len(got) != 1 || got[0] != 1 {
		t.Fatalf("a new home has slots %v, want the blank slot 1", got)
	}
	for want := ck.SlotID(1); want <= 3; want++ {
		if err := m.InitToken(want, soPIN, "token"); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Delete(3, soPIN); err != nil {
		t.Fatal(err)
	}
	if err := m.Delete(1, nil); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*Module{m, other, open(t, c)} {
		if err := m.Refresh(); err != nil {
			t.Fatal(err)
		}
		if got := slotIDs(m); len(got) != 2 || got[0] != 2 || got[1] != 4 {
			t.Errorf("slots are %v, want 2 and the blank slot 4", got)
		}
	}
}

func TestCreateSetsBothPINs(t *testing.T) {
	c := newHome(t, cheapPINs)
	slot, err := open(t, c).Create("both", soPIN, userPIN)
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, c).Slots()[0].Partition
	if info := p.Info(); info.Label != "both" || slot != 1 || info.Flags&ck.CKF_USER_PIN_INITIALIZED == 0 {
		t.Errorf("slot %d, %+v", slot, info)
	}
	for user, pin := range map[ck.UserType][]byte{ck.CKU_SO: soPIN, ck.CKU_USER: userPIN} {
		if _, err := p.Login(user, pin); err != nil {
			t.Errorf("%v: %v", user, err)
		}
	}
}

// Both PINs come with the partition, in one transaction: who is killed leaves none with one
// PIN, which could not be made again under its label.
func TestCreateSetsBothPINsAtOnce(t *testing.T) {
	c := newHome(t, cheapPINs)
	slot, err := open(t, c).Create("both", soPIN, userPIN)
	if err != nil {
		t.Fatal(err)
	}
	var acts []audit.Act
	generation := uint64(0)
	for r, err := range audit.Read(auditDir(home{dir: c.Home}.partitionDir(slot)), 0) {
		if err != nil {
			t.Fatal(err)
		}
		acts = append(acts, r.Act)
		if generation == 0 {
			generation = r.Generation
		}
		if r.Generation != generation {
			t.Errorf("%s is of generation %d, what was before of %d", r.Act, r.Generation, generation)
		}
	}
	if want := []audit.Act{audit.TokenInit, audit.PINSet}; !slices.Equal(acts, want) {
		t.Errorf("the log has %v, want %v", acts, want)
	}
}

func TestHideBlankSlot(t *testing.T) {
	m := open(t, newHome(t, "hide-blank-slot = true\n"))
	if got := slotIDs(m); len(got) != 0 {
		t.Errorf("slots are %v, want none", got)
	}
}

// TestNetworkFilesystem: the configuration or the environment allow one, in so many
// words. What is refused otherwise is the store's.
func TestNetworkFilesystem(t *testing.T) {
	for _, c := range []struct {
		text, environment string
		allowed           bool
		code              ck.RV
	}{
		{"", "", false, ck.CKR_OK},
		{"network-filesystem = true\n", "", true, ck.CKR_OK},
		{"network-filesystem = false\n", "allow", true, ck.CKR_OK},
		{"", "0", false, ck.CKR_ARGUMENTS_BAD},
	} {
		cfg := newHome(t, c.text)
		cfg.NetworkFS = c.environment
		m, err := Open(cfg)
		if ck.Code(err) != c.code {
			t.Errorf("%+v: %v", c, err)
		}
		if err == nil && m.settings.store().Network != c.allowed {
			t.Errorf("%+v: the store is not told", c)
		}
	}
}

// TestPolicyOfConfiguration: the configuration says what a new partition is made
// with, and nothing of those that are there.
func TestPolicyOfConfiguration(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", object.StrictPolicy},
		{"policy = \"strict\"\n", object.StrictPolicy},
		{"policy = \"standard\"\nkey-dates = true\n", object.StandardPolicy},
	} {
		home := newHome(t, c.text+cheapPINs)
		m := open(t, home)
		slot, err := m.Create("token", soPIN, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home.Home, configName), []byte(cheapPINs), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := open(t, home).partitions[slot].Policy(); got != c.want {
			t.Errorf("%q: the policy is %q", c.text, got)
		}
	}
}

// A home whose making was cut off is made at the next attempt, and what was left is
// swept up.
func TestInitAfterOneWasCutOff(t *testing.T) {
	c := newHome(t, "")
	left := filepath.Join(c.Home, ".new-123")
	if err := os.WriteFile(left, []byte("half a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Init(c); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left over: %v", err)
	}
	open(t, c)
}

func TestInitTwice(t *testing.T) {
	c := newHome(t, "")
	if _, err := Init(c); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(c.Home, rootName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Init(c); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second Init: %v", err)
	}
	again, err := os.ReadFile(filepath.Join(c.Home, rootName))
	if err != nil || !bytes.Equal(key, again) {
		t.Error("the second Init touched the root key")
	}
}

// TestBadHome: what is wrong is named, told apart by its code, and not mended by
// overwriting it.
func TestBadHome(t *testing.T) {
	for _, c := range []struct {
		name   string
		spoil  func(dir string) error
		code   ck.RV
		naming string
	}{
		{"configuration is not TOML", write(configName, "pin = ["), ck.CKR_ARGUMENTS_BAD, configName},
		{"unknown key", write(configName, "hide-blank-slots = true"), ck.CKR_ARGUMENTS_BAD, "hide-blank-slots"},
		{"PIN rule out of range", write(configName, "[pin]\nmin-length = 2"), ck.CKR_ARGUMENTS_BAD, "min-length"},
		{"unknown policy", write(configName, "policy = \"lax\""), ck.CKR_ARGUMENTS_BAD, "policy"},
		{"root key missing", remove(rootName), ck.CKR_DEVICE_ERROR, rootName},
		{"root key cut", write(rootName, "coffer"), ck.CKR_DEVICE_ERROR, rootName},
		{"root key readable by all", chmod(rootName, 0o644), ck.CKR_DEVICE_ERROR, "chmod"},
		{"another root key", otherRoot, ck.CKR_TOKEN_NOT_RECOGNIZED, rootName},
		{"first file missing", remove(homeName), ck.CKR_DEVICE_ERROR, homeName},
		{"first file foreign", write(homeName, "something else\n"), ck.CKR_DEVICE_ERROR, homeName},
		{"newer home", write(homeName, "coffer-home 2\nroot 00\n"), ck.CKR_TOKEN_NOT_RECOGNIZED, "newer"},
		{"writable by others", chmod(".", 0o777), ck.CKR_DEVICE_ERROR, "chmod 700"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := newHome(t, cheapPINs)
			if _, err := open(t, cfg).Create("token", soPIN, userPIN); err != nil {
				t.Fatal(err)
			}
			if err := c.spoil(cfg.Home); err != nil {
				t.Fatal(err)
			}
			before := list(t, cfg.Home)
			_, err := Open(cfg)
			if ck.Code(err) != c.code || err == nil || !strings.Contains(err.Error(), c.naming) {
				t.Errorf("Open: %v; want %v, naming %s", err, c.code, c.naming)
			}
			if after := list(t, cfg.Home); after != before {
				t.Errorf("the home was changed:\n%s\nto\n%s", before, after)
			}
		})
	}
}

func write(name, text string) func(string) error {
	return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) }
}

func remove(name string) func(string) error {
	return func(dir string) error { return os.Remove(filepath.Join(dir, name)) }
}

func chmod(name string, mode fs.FileMode) func(string) error {
	return func(dir string) error { return os.Chmod(filepath.Join(dir, name), mode) }
}

func otherRoot(dir string) error {
	other := filepath.Join(dir, "other")
	if err := os.Mkdir(other, 0o700); err != nil {
		return err
	}
	if _, err := Init(Config{Home: other}); err != nil {
		return err
	}
	return os.Rename(filepath.Join(other, rootName), filepath.Join(dir, rootName))
}

// list describes every file below dir: name, mode and content.
func list(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		b.WriteString(path + " " + string(text) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestBrokenPartition: one damaged partition does not take the others with it.
func TestBrokenPartition(t *testing.T) {
	c := newHome(t, cheapPINs)
	m := open(t, c)
	for _, label := range []string{"one", "two"} {
		if _, err := m.Create(label, soPIN, userPIN); err != nil {
			t.Fatal(err)
		}
	}
	m.Close()
	entries, err := os.ReadDir(filepath.Join(c.Home, partitionsName, "1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() { // the audit log
			continue
		}
		path := filepath.Join(c.Home, partitionsName, "1", e.Name())
		if err := os.WriteFile(path, []byte("not a store at all"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m = open(t, c)
	slots := m.Slots()
	if len(slots) != 3 {
		t.Fatalf("%d slots, want 3", len(slots))
	}
	if slots[0].Partition.Info().Flags&ck.CKF_ERROR_STATE == 0 {
		t.Error("the damaged partition does not say so")
	}
	if _, err := slots[0].Partition.Login(ck.CKU_USER, userPIN); ck.Code(err) != ck.CKR_DEVICE_ERROR {
		t.Errorf("login to the damaged partition: %v", err)
	}
	if _, err := slots[1].Partition.Login(ck.CKU_USER, userPIN); err != nil {
		t.Errorf("login to the sound partition: %v", err)
	}
	if problems := m.Status().Problems; len(problems) != 1 || !strings.Contains(problems[0], "slot 1") {
		t.Errorf("problems: %q", problems)
	}
}

func TestDefaultHome(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{Home: "/a/b"}, "/a/b"},
		{Config{DataHome: "/d", UserHome: "/u"}, systemOr("/d/coffer")},
		{Config{UserHome: "/u"}, systemOr("/u/.local/share/coffer")},
	} {
		if got, err := c.config.home(); got != c.want || err != nil {
			t.Errorf("%+v: %s, %v, want %s", c.config, got, err, c.want)
		}
	}
}

func systemOr(path string) string {
	if os.Geteuid() == 0 {
		return systemHome
	}
	return path
}

// TestLabels: who makes a partition by name gets a name of its own, and C_InitToken, as
// the standard has it, any. None has blanks at its end, which pad it in CK_TOKEN_INFO.
func TestLabels(t *testing.T) {
	c := newHome(t, cheapPINs)
	m := open(t, c)
	defer m.Close()
	_, err := m.Create("same", soPIN, userPIN)
	must(t, err)
	other := open(t, c)
	defer other.Close()
	if _, err := other.Create("same", soPIN, userPIN); !errors.Is(err, ErrLabelTaken) || ck.Code(err) != ck.CKR_ARGUMENTS_BAD {
		t.Errorf("the same label: %v", err)
	}
	must(t, other.InitToken(2, soPIN, "same"))
	for _, label := range []string{" ", "same ", "a\xff"} {
		if _, err := m.Create(label, soPIN, userPIN); ck.Code(err) != ck.CKR_ARGUMENTS_BAD {
			t.Errorf("%q: %v", label, err)
		}
	}
	if used, _, err := m.home.numbers(); err != nil || len(used) != 2 {
		t.Errorf("%d partitions, %v", len(used), err)
	}
}
