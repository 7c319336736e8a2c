package hsm

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// Config says where a module lives. Empty fields have defaults; a Config with all
// of them empty works.
type Config struct {
	Home       string // COFFER_HOME: the directory that holds everything
	ConfigFile string // COFFER_CONF: coffer.toml in the home, if there is one
	UserHome   string // HOME, for the default of Home
	DataHome   string // XDG_DATA_HOME, for the default of Home
	NetworkFS  string // COFFER_NETWORK_FS: "allow" is as network-filesystem = true
	// Where a root key may be found (hsm/seal).
	RuntimeDir  string // XDG_RUNTIME_DIR: an unlocked one, where there are no kernel keyrings
	Credentials string // CREDENTIALS_DIRECTORY: what systemd gives to a service
	// Methods find the keys of sealed copies that the library does not open by itself.
	Methods seal.Methods

	// Progress is told how far opening a partition has come, or a login to it, if it
	// has more than 10,000 objects; by several threads. It may be nil.
	Progress Progress
}

// FromEnvironment reads a Config from the environment, for programs of our own.
// The library is told by its C front instead, which reads the environment itself.
func FromEnvironment() Config {
	return Config{
		Home:        os.Getenv("COFFER_HOME"),
		ConfigFile:  os.Getenv("COFFER_CONF"),
		UserHome:    os.Getenv("HOME"),
		DataHome:    os.Getenv("XDG_DATA_HOME"),
		NetworkFS:   os.Getenv("COFFER_NETWORK_FS"),
		RuntimeDir:  os.Getenv("XDG_RUNTIME_DIR"),
		Credentials: os.Getenv("CREDENTIALS_DIRECTORY"),
	}
}

// systemHome is where root's partitions are, as SoftHSM2 and its like have them.
const systemHome = "/var/lib/coffer"

// home is the directory that c means: COFFER_HOME, or /var/lib/coffer for root, or
// coffer in the user's data directory (XDG Base Directory Specification).
func (c Config) home() (string, error) {
	switch {
	case c.Home != "":
		return filepath.Abs(c.Home)
	case os.Geteuid() == 0:
		return systemHome, nil
	case filepath.IsAbs(c.DataHome):
		return filepath.Join(c.DataHome, "coffer"), nil
	case c.UserHome != "":
		return filepath.Join(c.UserHome, ".local", "share", "coffer"), nil
	}
	return "", ck.Errorf(ck.CKR_ARGUMENTS_BAD, "no home: set COFFER_HOME to the directory that holds the keys")
}

// open returns the home itself, and how it is unsealed.
func (c Config) open() (home, error) {
	dir, err := c.home()
	if err != nil {
		return home{}, err
	}
	if err := private.Enter(dir); errors.Is(err, private.ErrActing) { // exists says all else
		return home{}, homeError("home %s: %w", dir, err)
	}
	return home{dir: dir, methods: c.methods(dir), holders: seal.Holders(c.RuntimeDir)}, nil
}

// Foreign reports whether this process is root's and uses another user's home (FORMAT.md,
// "Whose a home is"): it is asked when that is open.
func (c Config) Foreign() bool {
	dir, err := c.home()
	return err == nil && private.Foreign(dir)
}

// methods are those that work without a person, and those of the program: but these not for
// root in another user's home, who says in the copies what they would open.
func (c Config) methods(dir string) seal.Methods {
	m := seal.Methods{seal.KindKeyFile: seal.KeyFiles{Home: dir}, seal.KindCredential: seal.Credentials(c.Credentials)}
	if !private.Foreign(dir) {
		maps.Copy(m, c.Methods)
	}
	return m
}

// configName is the configuration file's name in the home.
const configName = "coffer.toml"

// settings is the configuration file. Every key is optional.
type settings struct {
	// HideBlankSlot leaves out the slot where the next partition would be made,
	// for hosts that stumble over a token that is not initialised.
	HideBlankSlot bool `toml:"hide-blank-slot"`
	// Policy, KeyDates and AuditUse are for partitions made from now on (hsm/partition/POLICY.md).
	Policy   string      `toml:"policy"`    // strict if absent
	KeyDates bool        `toml:"key-dates"` // whether keys are used between their dates only
	AuditUse bool        `toml:"audit-use"` // whether uses of keys are recorded too (hsm/audit/FORMAT.md)
	PIN      pinSettings `toml:"pin"`
	Seal     kdfSettings `toml:"seal"` // of passphrases that are set from now on
	// FIPS is for approved mode, which GODEBUG=fips140=on in the environment is.
	FIPS struct {
		// Accelerated allows code of our own in the place of the Go Cryptographic Module's.
		Accelerated bool `toml:"accelerated"`
	} `toml:"fips"`
	// NetworkFS allows partitions on a network file system. Its owner answers for it
	// that one process at a time uses them.
	NetworkFS bool `toml:"network-filesystem"`
}

// store are the settings as a store takes them.
func (s settings) store() store.Options { return store.Options{Network: s.NetworkFS} }

// options are the settings as a partition takes them.
func (s settings) options() partition.Options {
	o := s.PIN.options()
	o.Policy, o.Dates, o.Uses = s.Policy, s.KeyDates, s.AuditUse
	return o.Default()
}

func (s settings) check(path string) error {
	if _, known := object.PolicyNamed(s.Policy); s.Policy != "" && !known {
		return ck.Errorf(ck.CKR_ARGUMENTS_BAD, "configuration %s: policy is %s or %s", path, object.StrictPolicy, object.StandardPolicy)
	}
	if text := s.Seal.refuse("seal"); text != "" {
		return ck.Errorf(ck.CKR_ARGUMENTS_BAD, "configuration %s: %s", path, text)
	}
	return s.PIN.check(path)
}

// Stretching is what a guess of a passphrase costs that is set from now on, with
// Argon2id.
func (c Config) Stretching() (seal.Stretching, error) {
	dir, err := c.home()
	if err != nil {
		return seal.Stretching{}, err
	}
	s, _, err := c.load(dir)
	return seal.Stretching{Argon2id: s.Seal.over(seal.DefaultStretching().Argon2id)}, err
}

// kdfSettings are what a guess costs: Argon2id's passes and memory (RFC 9106).
type kdfSettings struct {
	Passes    uint32 `toml:"argon2-passes"`
	MemoryKiB uint32 `toml:"argon2-memory-kib"`
}

// refuse says what cannot be in the settings of a section, or nothing.
func (s kdfSettings) refuse(section string) string {
	switch {
	case s.Passes > 64:
		return section + ".argon2-passes is at most 64"
	case uint64(s.Passes)*uint64(s.MemoryKiB) > 4<<20:
		return section + ".argon2-passes times " + section + ".argon2-memory-kib is at most 4194304"
	case s.MemoryKiB != 0 && (s.MemoryKiB < 8 || s.MemoryKiB > 1<<20):
		return section + ".argon2-memory-kib is 8 to 1048576"
	}
	return ""
}

// over is kdf with the settings that there are.
func (s kdfSettings) over(kdf seal.KDF) seal.KDF {
	if s.Passes != 0 {
		kdf.Time = s.Passes
	}
	if s.MemoryKiB != 0 {
		kdf.Memory = s.MemoryKiB
	}
	return kdf
}

// pinSettings are the PIN policy of partitions made from now on (those from before each
// kept its own have all of it but the delay), and what a guess costs.
type pinSettings struct {
	MinLength  int  `toml:"min-length"`  // bytes, 4 if absent
	MaxLength  int  `toml:"max-length"`  // bytes, 255 if absent
	Tries      int  `toml:"tries"`       // until a PIN is locked, 10 if absent
	DelayAfter int  `toml:"delay-after"` // wrong tries, 3 if absent
	Delay      *int `toml:"delay"`       // seconds, 1 if absent, 0 for none
	kdfSettings
}

// load reads the configuration file. Only a file that was asked for by name must
// exist. An unknown key is an error: it is most likely a misspelt one.
func (c Config) load(home string) (s settings, path string, err error) {
	path, asked := c.ConfigFile, c.ConfigFile != ""
	if !asked {
		path = filepath.Join(home, configName)
	}
	read := readInPlace // in the home
	if asked {
		read = os.ReadFile
	}
	text, err := read(path)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		return settings{}, "", nil
	}
	if err != nil && !asked {
		return settings{}, path, homeError("home: %w: check COFFER_HOME and its permissions", err)
	}
	if err != nil {
		return settings{}, path, ck.Errorf(ck.CKR_ARGUMENTS_BAD, "configuration: %w", err)
	}
	about, err := toml.Decode(string(text), &s)
	if err != nil {
		return settings{}, path, ck.Errorf(ck.CKR_ARGUMENTS_BAD, "configuration %s: %w", path, err)
	}
	if unknown := about.Undecoded(); len(unknown) > 0 {
		var names []string
		for _, key := range unknown {
			names = append(names, key.String())
		}
		return settings{}, path, ck.Errorf(ck.CKR_ARGUMENTS_BAD, "configuration %s: unknown key %s", path, strings.Join(names, ", "))
	}
	return s, path, s.check(path)
}

// overrule takes what the environment says over the configuration file.
func (c Config) overrule(s *settings) error {
	switch c.NetworkFS {
	case "":
	case "allow":
		s.NetworkFS = true
	default:
		return ck.Errorf(ck.CKR_ARGUMENTS_BAD, "COFFER_NETWORK_FS is %q: it can be \"allow\" only", c.NetworkFS)
	}
	return nil
}

func (s pinSettings) check(path string) error {
	for _, rule := range []struct {
		bad  bool
		text string
	}{
		{s.MinLength != 0 && (s.MinLength < 4 || s.MinLength > 255), "pin.min-length is 4 to 255"},
		{s.MaxLength != 0 && (s.MaxLength < max(4, s.MinLength) || s.MaxLength > 255), "pin.max-length is pin.min-length to 255"},
		{s.Tries < 0 || s.Tries > 100, "pin.tries is 1 to 100"},
		{s.DelayAfter < 0 || s.DelayAfter > 100, "pin.delay-after is 1 to 100"},
		{s.Delay != nil && (*s.Delay < 0 || *s.Delay > 900), "pin.delay is 0 to 900"},
		{s.refuse("pin") != "", s.refuse("pin")},
	} {
		if rule.bad {
			return ck.Errorf(ck.CKR_ARGUMENTS_BAD, "configuration %s: %s", path, rule.text)
		}
	}
	return nil
}

// options are the settings as a partition takes them.
func (s pinSettings) options() partition.Options {
	kdf := s.over(seal.DefaultKDF())
	o := partition.Options{MinPIN: s.MinLength, MaxPIN: s.MaxLength, Tries: s.Tries, DelayAfter: s.DelayAfter, KDF: kdf}
	if s.Delay != nil {
		o.Delay = time.Duration(*s.Delay) * time.Second
		if o.Delay == 0 {
			o.Delay = -1 // none, where 0 is the default
		}
	}
	return o.Default()
}
