package slots_test

import (
	"fmt"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// setup makes a token in slot 1 with the PINs sopin and userpin.
func (w *world) setup(args) error {
	if err := w.app.InitToken(1, []byte("sopin"), "setup"); err != nil {
		return err
	}
	h, err := w.app.OpenSession(1, ck.CKF_SERIAL_SESSION|ck.CKF_RW_SESSION)
	if err != nil {
		return err
	}
	if err := w.app.Login(h, ck.CKU_SO, []byte("sopin")); err != nil {
		return err
	}
	if err := w.app.InitPIN(h, []byte("userpin")); err != nil {
		return err
	}
	return w.app.CloseSession(h)
}

func (w *world) listSlots(args) (string, error) {
	n, err := w.app.GetSlotList(true, nil)
	if err != nil {
		return "", err
	}
	ids := make([]ck.SlotID, n)
	_, err = w.app.GetSlotList(true, ids)
	return fmt.Sprint(ids), err
}

var flagNames = []struct {
	flag ck.Flags
	name string
}{
	{ck.CKF_RNG, "RNG"}, {ck.CKF_LOGIN_REQUIRED, "LOGIN_REQUIRED"},
	{ck.CKF_USER_PIN_INITIALIZED, "USER_PIN_INITIALIZED"}, {ck.CKF_TOKEN_INITIALIZED, "TOKEN_INITIALIZED"},
}

func (w *world) tellToken(a args) (string, error) {
	info, err := w.app.GetTokenInfo(ck.SlotID(a.number(0)))
	if err != nil {
		return "", err
	}
	told := fmt.Sprintf("%q sessions %d rw %d pin %d-%d", info.Label, info.Sessions, info.RWSessions, info.MinPIN, info.MaxPIN)
	for _, f := range flagNames {
		if info.Flags&f.flag != 0 {
			told += " " + f.name
		}
	}
	return told, nil
}

func (w *world) initToken(a args) error {
	return w.app.InitToken(ck.SlotID(a.number(0)), w.data(a, 1), a.word(2))
}

var openFlags = map[string]ck.Flags{
	"ro": ck.CKF_SERIAL_SESSION, "rw": ck.CKF_SERIAL_SESSION | ck.CKF_RW_SESSION,
	"parallel": ck.CKF_RW_SESSION, "parallel-async": ck.CKF_RW_SESSION | ck.CKF_ASYNC_SESSION,
	"async-ro": ck.CKF_SERIAL_SESSION | ck.CKF_ASYNC_SESSION, "async": ck.CKF_SERIAL_SESSION | ck.CKF_RW_SESSION | ck.CKF_ASYNC_SESSION,
}

func (w *world) open(a args) error {
	h, err := w.app.OpenSession(ck.SlotID(a.number(1)), openFlags[a.word(2)])
	if err == nil {
		w.sessions[a.word(0)] = h
	}
	return err
}

func (w *world) tellSession(a args) (string, error) {
	info, err := w.app.GetSessionInfo(w.session(a, 0))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("slot %d %v flags %d", info.Slot, info.State, info.Flags), nil
}

var userNames = map[string]ck.UserType{"so": ck.CKU_SO, "user": ck.CKU_USER, "context": ck.CKU_CONTEXT_SPECIFIC, "other": 7}

func (w *world) login(a args) error {
	return w.app.Login(w.session(a, 0), userNames[a.word(1)], w.data(a, 2))
}

// userActs are what the SO can do to users, each with a PIN that most do not need.
var userActs = map[string]func(p api.Partition, so api.Caller, name string, pin []byte) error{
	"create": api.Partition.CreateUser,
	"pin":    api.Partition.InitUserPIN,
	"unlock": func(p api.Partition, so api.Caller, name string, _ []byte) error { return p.UnlockUser(so, name) },
	"delete": func(p api.Partition, so api.Caller, name string, _ []byte) error { return p.DeleteUser(so, name) },
}

// manageUser does what no function of PKCS #11 does: the SO makes users with a name
// and removes them, beside the application.
func (w *world) manageUser(a args) error {
	p := w.module.Slots()[0].Partition
	id, err := p.Login(ck.CKU_SO, []byte("sopin"))
	if err != nil {
		return err
	}
	defer p.Logout(id)
	return userActs[a.word(0)](p, api.Caller{Identity: id, ReadWrite: true}, a.word(1), w.data(a, 2))
}

var cancelFlags = map[string]ck.Flags{
	"nothing": 0, "find": ck.CKF_FIND_OBJECTS, "encrypt": ck.CKF_ENCRYPT, "decrypt": ck.CKF_DECRYPT,
	"digest": ck.CKF_DIGEST, "sign": ck.CKF_SIGN, "verify": ck.CKF_VERIFY,
	"generate": ck.CKF_GENERATE, "generate-pair": ck.CKF_GENERATE_KEY_PAIR,
}

func (w *world) cancel(a args) error {
	var flags ck.Flags
	for _, word := range a.rest(1) {
		flags |= cancelFlags[word]
	}
	return w.app.SessionCancel(w.session(a, 0), flags)
}

var refuseKinds = map[string]slots.Kind{
	"nothing": slots.NoOperation, "find": slots.FindOperation, "encrypt": slots.EncryptOperation,
	"digest": slots.DigestOperation, "sign": slots.SignOperation, "verify": slots.VerifyOperation,
}

func (w *world) refuse(a args) error {
	return w.app.Refuse(w.session(a, 0), refuseKinds[a.word(1)], ck.CKR_ARGUMENTS_BAD)
}
