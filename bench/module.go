package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// A Module is one contestant.
type Module struct {
	Name string
	// Peer says that Coffer is held against it: another token, that is.
	Peer bool

	library string // the PKCS #11 module, none for libcrypto
	backend backend
	// prepare fills the module's empty folder and returns the driver's arguments
	// and what the environment needs.
	prepare func(folder string) (arguments, environment []string, err error)
}

// pin is for tokens that live as long as a comparison.
const pin = "bench-1234"

// withPIN is a token that the driver initialises.
var withPIN = []string{"-init", "-pin", pin}

// AuditModule is Coffer with the uses of keys in its audit log. As a peer alone beside
// Coffer it tells what that costs.
const AuditModule = "coffer-audit"

// Modules are all contestants, Coffer first.
func Modules(root string) []Module {
	return []Module{
		{
			Name: "coffer", backend: token, prepare: prepareCoffer,
			library: filepath.Join(root, "build", "libcoffer-pkcs11.so"),
		},
		{
			Name: AuditModule, Peer: true, backend: token, prepare: prepareAudited,
			library: filepath.Join(root, "build", "libcoffer-pkcs11.so"),
		},
		{
			Name: "softhsm2", Peer: true, backend: token, prepare: prepareSoftHSM,
			library: find("softhsm/libsofthsm2.so"),
		},
		{
			Name: "nss", Peer: true, backend: token, prepare: prepareNSS,
			library: find("libsoftokn3.so"),
		},
		{Name: "libcrypto", backend: libcrypto, prepare: prepareNothing},
	}
}

// Choose picks modules by name.
func Choose(all []Module, names []string) ([]Module, error) {
	var chosen []Module
	for _, name := range names {
		i := slices.IndexFunc(all, func(m Module) bool { return m.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("bench: there is no module %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// find looks where distributions put libraries. What is nowhere is returned as it
// is, and missed when it is loaded.
func find(name string) string {
	for _, folder := range []string{"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"} {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return name
}

func prepareCoffer(folder string) (arguments, environment []string, err error) {
	return withPIN, []string{"COFFER_HOME=" + folder, "COFFER_CONF="}, os.Chmod(folder, 0o700)
}

func prepareAudited(folder string) (arguments, environment []string, err error) {
	arguments, environment, err = prepareCoffer(folder)
	if err != nil {
		return nil, nil, err
	}
	return arguments, environment, os.WriteFile(filepath.Join(folder, "coffer.toml"), []byte("audit-use = true\n"), 0o600)
}

func prepareSoftHSM(folder string) (arguments, environment []string, err error) {
	tokens, settings := filepath.Join(folder, "tokens"), filepath.Join(folder, "softhsm2.conf")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		return nil, nil, err
	}
	text := fmt.Sprintf("directories.tokendir = %s\nlog.level = ERROR\n", tokens)
	return withPIN, []string{"SOFTHSM2_CONF=" + settings}, os.WriteFile(settings, []byte(text), 0o600)
}

// prepareNSS asks for the slot without a database: session keys need none, and
// nobody has to log in.
func prepareNSS(string) (arguments, environment []string, err error) {
	return []string{"-parameters", "configdir='' certPrefix='' keyPrefix='' secmod='' flags=noCertDB,noModDB,readOnly"}, nil, nil
}

func prepareNothing(string) (arguments, environment []string, err error) { return nil, nil, nil }
