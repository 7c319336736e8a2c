package partition

import (
	"encoding/hex"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// account is whose PIN is meant: the SO's, that of the user without a name, or that
// of a user with one. Whether there is such a user is not said.
type account struct {
	meta string // the name of the value that holds the PIN's record
	role role   // what the right PIN makes one
	name string // empty without a name
}

var (
	accountSO   = account{meta: metaSO, role: roleSO}
	accountUser = account{meta: metaUser, role: roleUser}
)

const (
	maxUserName = 255  // bytes
	maxUsers    = 1024 // with a name
)

// accountOf finds the account that C_LoginUser means. No SO has a name, so that
// such an account is never there.
func (p *Partition) accountOf(user ck.UserType, name string) (account, error) {
	switch {
	case user == ck.CKU_SO && name == "":
		return accountSO, nil
	case user == ck.CKU_SO:
		return account{p.nameTag(metaSO, name), roleSO, name}, nil
	case user == ck.CKU_USER:
		return p.userCalled(name), nil
	}
	return account{}, ck.CKR_USER_TYPE_INVALID
}

// logNames are what the audit log calls those who have no name (recorder.go): a new user
// who had one of them would be taken for the SO, or hide somebody's tries.
var logNames = []string{accountSO.inLog(), accountUser.inLog(), logPublic, logUnknown}

// userCalled is the account of a user by name.
func (p *Partition) userCalled(name string) account {
	if name == "" {
		return accountUser
	}
	return account{p.nameTag(metaUser, name), roleUser, name}
}

// nameTag makes the name of a value out of that of a user: short, whatever the name,
// and no way to find users by looking at the disk without the root key.
//
// A partition that could not be opened has no root key, and nobody by any name: what its
// calls answer is why.
func (p *Partition) nameTag(kind, name string) string {
	if p.root == nil {
		return kind + ":"
	}
	mac := p.root.MAC("user-name", []byte(kind), []byte(name))
	return kind + ":" + hex.EncodeToString(mac[:16])
}

// isNamed reports whether a value is the PIN's record of a user with a name.
func isNamed(meta string) bool { return strings.HasPrefix(meta, metaUser+":") }

// checkUserName holds the name of a new user against what C_LoginUser can be given
// and a terminal shows: CKR_ARGUMENTS_BAD.
func checkUserName(name string) error {
	if len(name) == 0 || len(name) > maxUserName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return ck.Errorf(ck.CKR_ARGUMENTS_BAD, "the name of a user is 1 to %d bytes of UTF-8 without control characters", maxUserName)
	}
	if slices.Contains(logNames, name) {
		return ck.Errorf(ck.CKR_ARGUMENTS_BAD, "the audit log calls others %q: choose another name", name)
	}
	return nil
}

// neighbour is the wrap of the user whose work a stranger is given. The users' PINs may
// have been set under other parameters than this process has, and each under its own, so
// that what a name costs must not tell whether it is somebody's: strangers cost what
// users do, in the same proportions, and the same one the same each time. The user is
// the next one by the tags of the names, or else the one without a name, or else the SO.
func (p *Partition) neighbour(of account) []byte {
	p.mu.RLock()
	defer p.mu.RUnlock()
	_, tag, _ := strings.Cut(of.meta, ":")
	next := metaUser
	for meta := range p.metas {
		if isNamed(meta) && meta > metaUser+":"+tag && (next == metaUser || meta < next) {
			next = meta
		}
	}
	for _, meta := range []string{next, metaSO} {
		if a := p.authSeen(meta); a.initialised() {
			return a.Wrap
		}
	}
	return nil
}
