package abitest

import "github.com/coffer-hsm/coffer/hsm/ck"

// generalRows is sections 5.4 and 5.5, without a session.
func (s *stage) generalRows() []row {
	slot, none, label := shared.slot, uintptr(77), Address(s.Bytes(32, ' '))
	so, short := s.pin(soPIN), s.pin("abc")
	info, list, count := Address(s.Bytes(256, 0)), s.out, s.room(64)
	init := func(slot uintptr, pin []uintptr) []uintptr { return []uintptr{slot, pin[0], pin[1], label} }
	return []row{
		{"C_Initialize", "a second time", ck.CKR_CRYPTOKI_ALREADY_INITIALIZED, nil, []uintptr{0}},
		{"C_Initialize", "a second time, with bad arguments", ck.CKR_ARGUMENTS_BAD, nil, []uintptr{Address(s.Ulongs(1, 0, 0, 0, 0, 0))}},
		{"C_Initialize", "no threads may be made", ck.CKR_NEED_TO_CREATE_THREADS, nil, []uintptr{Address(s.Ulongs(0, 0, 0, 0, 1, 0))}},
		{"C_Initialize", "locks of the application's only", ck.CKR_CANT_LOCK, nil, []uintptr{Address(s.Ulongs(1, 1, 1, 1, 0, 0))}},
		{"C_Finalize", "an argument", ck.CKR_ARGUMENTS_BAD, nil, []uintptr{s.out}},
		{"C_GetInfo", "good", ck.CKR_OK, nil, []uintptr{info}},
		{"C_GetFunctionList", "good", ck.CKR_OK, nil, []uintptr{info}},
		{"C_GetInterfaceList", "good", ck.CKR_OK, nil, []uintptr{list, count}},
		{"C_GetInterfaceList", "room for one", ck.CKR_BUFFER_TOO_SMALL, nil, []uintptr{list, s.room(1)}},
		{"C_GetInterface", "good", ck.CKR_OK, nil, []uintptr{0, 0, info, 0}},
		{"C_GetInterface", "no such name", ck.CKR_ARGUMENTS_BAD, nil, []uintptr{s.named("other"), 0, info, 0}},
		{"C_GetSlotList", "good", ck.CKR_OK, nil, []uintptr{0, list, count}},
		{"C_GetSlotList", "room for one", ck.CKR_BUFFER_TOO_SMALL, nil, []uintptr{0, list, s.room(1)}},
		{"C_GetSlotInfo", "good", ck.CKR_OK, nil, []uintptr{slot, info}},
		{"C_GetSlotInfo", "no such slot", ck.CKR_SLOT_ID_INVALID, nil, []uintptr{none, info}},
		{"C_GetTokenInfo", "good", ck.CKR_OK, nil, []uintptr{slot, info}},
		{"C_GetTokenInfo", "no such slot", ck.CKR_SLOT_ID_INVALID, nil, []uintptr{none, info}},
		{"C_GetMechanismList", "good", ck.CKR_OK, nil, []uintptr{slot, Address(s.Bytes(4096, 0)), s.room(512)}},
		{"C_GetMechanismList", "room for one", ck.CKR_BUFFER_TOO_SMALL, nil, []uintptr{slot, list, s.room(1)}},
		{"C_GetMechanismList", "no such slot", ck.CKR_SLOT_ID_INVALID, nil, []uintptr{none, list, s.room(512)}},
		{"C_GetMechanismInfo", "good", ck.CKR_OK, nil, []uintptr{slot, uintptr(ck.CKM_AES_ECB), info}},
		{"C_GetMechanismInfo", "no such slot", ck.CKR_SLOT_ID_INVALID, nil, []uintptr{none, uintptr(ck.CKM_AES_ECB), info}},
		{"C_GetMechanismInfo", "no such mechanism", ck.CKR_MECHANISM_INVALID, nil, []uintptr{slot, 0x7fffffff, info}},
		{"C_InitToken", "a session is open", ck.CKR_SESSION_EXISTS, nil, init(slot, so)},
		{"C_InitToken", "no such slot", ck.CKR_SLOT_ID_INVALID, nil, init(none, so)},
		{"C_InitToken", "no label", ck.CKR_ARGUMENTS_BAD, nil, []uintptr{slot, so[0], so[1], 0}},
		{"C_InitToken", "a PIN too short, and a new token", ck.CKR_PIN_INCORRECT, nil, init(s.blank, short)},
		{"C_OpenSession", "good", ck.CKR_OK, nil, []uintptr{s.other, 6, 0, 0, s.handle()}},
		{"C_OpenSession", "no such slot", ck.CKR_SLOT_ID_INVALID, nil, []uintptr{none, 6, 0, 0, s.handle()}},
		{"C_OpenSession", "parallel", ck.CKR_SESSION_PARALLEL_NOT_SUPPORTED, nil, []uintptr{slot, 2, 0, 0, s.handle()}},
		{"C_OpenSession", "a blank slot", ck.CKR_TOKEN_NOT_RECOGNIZED, nil, []uintptr{s.blank, 6, 0, 0, s.handle()}},
		{"C_OpenSession", "read-only beside the SO", ck.CKR_SESSION_READ_WRITE_SO_EXISTS, s.administered, []uintptr{s.third, 4, 0, 0, s.handle()}},
		{"C_InitToken", "good", ck.CKR_OK, nil, init(s.blank, so)},
		{"C_InitToken", "a wrong PIN", ck.CKR_PIN_INCORRECT, nil, init(s.blank, s.pin("wrong one"))},
		{"C_InitToken", "wrong PINs before", ck.CKR_PIN_LOCKED, s.often("C_InitToken", init(s.blank, s.pin("wrong one"))...), init(s.blank, so)},
		{"C_CloseAllSessions", "good", ck.CKR_OK, nil, []uintptr{s.blank}},
		{"C_CloseAllSessions", "no such slot", ck.CKR_SLOT_ID_INVALID, nil, []uintptr{none}},
		{"C_WaitForSlotEvent", "nothing happens", ck.CKR_NO_EVENT, s.noEvents, []uintptr{1, s.out, 0}},
		{"C_WaitForSlotEvent", "reserved argument", ck.CKR_ARGUMENTS_BAD, nil, []uintptr{1, s.out, s.out}},
	}
}

// often makes a call that fails as often as a PIN may be wrong.
func (s *stage) often(name string, args ...uintptr) func() {
	return func() {
		for range 20 {
			s.call(name, args...)
		}
	}
}

// noEvents takes the events that are there.
func (s *stage) noEvents() {
	for s.call("C_WaitForSlotEvent", 1, s.out, 0) == ck.CKR_OK {
	}
}

// sessionRows is section 5.6 without the logins.
func (s *stage) sessionRows() []row {
	state, n := s.out, s.room(512)
	return []row{
		{"C_CloseSession", "good", ck.CKR_OK, nil, []uintptr{s.session(s.other, ck.CKF_SERIAL_SESSION)}},
		{"C_GetSessionInfo", "good", ck.CKR_OK, nil, []uintptr{s.h, s.out}},
		{"C_GetSessionValidationFlags", "good", ck.CKR_OK, nil, []uintptr{s.h, 1, s.out}},
		{"C_SessionCancel", "good", ck.CKR_OK, s.done("C_DigestInit", s.h, s.sha), []uintptr{s.h, uintptr(ck.CKF_DIGEST)}},
		{"C_GetFunctionStatus", "any session", ck.CKR_FUNCTION_NOT_PARALLEL, nil, []uintptr{s.h}},
		{"C_GetFunctionStatus", "no such session", ck.CKR_SESSION_HANDLE_INVALID, nil, []uintptr{0}},
		{"C_CancelFunction", "any session", ck.CKR_FUNCTION_NOT_PARALLEL, nil, []uintptr{s.h}},
		{"C_CancelFunction", "no such session", ck.CKR_SESSION_HANDLE_INVALID, nil, []uintptr{0}},
		{"C_GetOperationState", "good", ck.CKR_OK, s.done("C_DigestInit", s.h, s.sha), []uintptr{s.h, state, n}},
		{"C_GetOperationState", "one byte short", ck.CKR_BUFFER_TOO_SMALL, s.done("C_DigestInit", s.h, s.sha), []uintptr{s.h, state, s.room(1)}},
		{"C_GetOperationState", "a search", ck.CKR_OPERATION_NOT_INITIALIZED, s.done("C_FindObjectsInit", s.h, 0, 0), []uintptr{s.h, state, s.room(512)}},
		{"C_SetOperationState", "good", ck.CKR_OK, nil, s.state()},
		{"C_SetOperationState", "a key too many", ck.CKR_KEY_NOT_NEEDED, nil, append(s.state()[:3], s.aes, 0)},
		{"C_SetOperationState", "another key", ck.CKR_KEY_CHANGED, nil, append(s.savedMAC()[:3], 0, s.long)},
		{"C_SetOperationState", "not a state", ck.CKR_SAVED_STATE_INVALID, nil, []uintptr{s.h, s.in, 64, 0, 0}},
		{"C_SeedRandom", "no seed is taken", ck.CKR_RANDOM_SEED_NOT_SUPPORTED, nil, []uintptr{s.h, s.in, 16}},
		{"C_SeedRandom", "NULL", ck.CKR_ARGUMENTS_BAD, nil, []uintptr{s.h, 0, 16}},
		{"C_SeedRandom", "no such session", ck.CKR_SESSION_HANDLE_INVALID, nil, []uintptr{0, s.in, 16}},
		{"C_GenerateRandom", "good", ck.CKR_OK, nil, []uintptr{s.h, s.out, 16}},
	}
}

// state is the arguments that restore a digest, and savedMAC a signature.
func (s *stage) state() []uintptr { return s.saved("C_DigestInit", s.sha) }

func (s *stage) savedMAC() []uintptr { return s.saved("C_SignInit", s.mac, s.hmac) }

func (s *stage) saved(init string, args ...uintptr) []uintptr {
	s.ok(init, append([]uintptr{s.h}, args...)...)
	mem, n := s.Bytes(4096, 0), s.Ulongs(4096)
	s.ok("C_GetOperationState", s.h, Address(mem), Address(n))
	s.ok(init, s.h, 0, 0)
	return []uintptr{s.h, Address(mem), uintptr(n.At(0)), 0, 0}
}

// loginRows is the logins and the PINs. They are on the other token, to which
// nobody is logged in when a row begins.
func (s *stage) loginRows() []row {
	so, user, wrong, short := s.pin(soPIN), s.pin(userPIN), s.pin("wrong one"), s.pin("abc")
	const admin, plain, context = uintptr(ck.CKU_SO), uintptr(ck.CKU_USER), uintptr(ck.CKU_CONTEXT_SPECIFIC)
	var rows []row
	for _, f := range []struct {
		name string
		end  []uintptr
	}{{"C_Login", nil}, {"C_LoginUser", []uintptr{0, 0}}} {
		login := func(h, who uintptr, pin []uintptr) []uintptr {
			return append([]uintptr{h, who, pin[0], pin[1]}, f.end...)
		}
		out := s.loggedOut
		in := func(who uintptr, pin []uintptr) func() {
			return all(out, s.done("C_Login", s.public, who, pin[0], pin[1]))
		}
		rows = append(rows, []row{
			{f.name, "good", ck.CKR_OK, out, login(s.public, plain, user)},
			{f.name, "a wrong PIN", ck.CKR_PIN_INCORRECT, out, login(s.public, plain, wrong)},
			{f.name, "a PIN too short", ck.CKR_PIN_INCORRECT, out, login(s.public, plain, short)},
			{f.name, "a PIN of wild length", ck.CKR_PIN_INCORRECT, out, login(s.public, plain, []uintptr{s.in, 1 << 63})},
			{f.name, "the user again", ck.CKR_USER_ALREADY_LOGGED_IN, in(plain, user), login(s.public, plain, user)},
			{f.name, "the SO beside the user", ck.CKR_USER_ANOTHER_ALREADY_LOGGED_IN, in(plain, user), login(s.public, admin, so)},
			{f.name, "the SO beside a read-only session", ck.CKR_SESSION_READ_ONLY_EXISTS, out, login(s.public, admin, so)},
			{f.name, "no such user type", ck.CKR_USER_TYPE_INVALID, out, login(s.public, 7, user)},
			{f.name, "for an operation, and there is none", ck.CKR_OPERATION_NOT_INITIALIZED, nil, login(s.h, context, user)},
			{f.name, "for an operation that wants it", ck.CKR_OK, s.done("C_SignInit", s.h, s.rsa, s.ctx), login(s.h, context, user)},
			{f.name, "a user without a PIN", ck.CKR_USER_PIN_NOT_INITIALIZED, s.unadministered, login(s.newcomer, plain, user)},
		}...)
	}
	rw := all(s.loggedOut)
	return append(rows, []row{
		{"C_Logout", "good", ck.CKR_OK, all(s.loggedOut, s.done("C_Login", s.public, plain, user[0], user[1])), []uintptr{s.public}},
		{"C_Logout", "a second time", ck.CKR_USER_NOT_LOGGED_IN, rw, []uintptr{s.public}},
		{"C_SetPIN", "good", ck.CKR_OK, rw, append([]uintptr{s.public}, append(user, user...)...)},
		{"C_SetPIN", "a wrong PIN", ck.CKR_PIN_INCORRECT, rw, append([]uintptr{s.public}, append(wrong, user...)...)},
		{"C_SetPIN", "an old PIN of wild length", ck.CKR_PIN_INCORRECT, rw, append([]uintptr{s.public, s.in, 1 << 63}, user...)},
		{"C_SetPIN", "a new PIN too short", ck.CKR_PIN_LEN_RANGE, rw, append([]uintptr{s.public}, append(user, short...)...)},
		{"C_SetPIN", "a new PIN of wild length", ck.CKR_PIN_LEN_RANGE, rw, append([]uintptr{s.public}, append(user, s.in, 1<<63)...)},
		{"C_SetPIN", "a read-only session", ck.CKR_SESSION_READ_ONLY, rw, append([]uintptr{s.readPub}, append(user, user...)...)},
		{"C_InitPIN", "good", ck.CKR_OK, s.administered, append([]uintptr{s.newcomer}, user...)},
		{"C_InitPIN", "a PIN too short", ck.CKR_PIN_LEN_RANGE, s.administered, append([]uintptr{s.newcomer}, short...)},
		{"C_InitPIN", "nobody is logged in", ck.CKR_USER_NOT_LOGGED_IN, rw, append([]uintptr{s.public}, user...)},
		{"C_InitPIN", "the user is logged in", ck.CKR_USER_NOT_LOGGED_IN, nil, append([]uintptr{s.h}, user...)},
		{"C_InitPIN", "a read-only session", ck.CKR_USER_NOT_LOGGED_IN, nil, append([]uintptr{s.ro}, user...)},
	}...)
}

// loggedOut logs out from the other token, if need be.
func (s *stage) loggedOut() { s.call("C_Logout", s.public) }

// administered logs the SO in to the third token.
func (s *stage) administered() {
	so := s.pin(soPIN)
	s.call("C_Login", s.newcomer, uintptr(ck.CKU_SO), so[0], so[1])
}

// unadministered logs the SO out again.
func (s *stage) unadministered() { s.call("C_Logout", s.newcomer) }

// lockedRows are those after which the user of the third token has had enough.
func (s *stage) lockedRows() []row {
	user, wrong := s.pin(userPIN), s.pin("wrong one")
	lock := all(s.unadministered, s.often("C_Login", s.newcomer, uintptr(ck.CKU_USER), wrong[0], wrong[1]))
	return []row{
		{"C_Login", "wrong PINs before", ck.CKR_PIN_LOCKED, lock, []uintptr{s.newcomer, uintptr(ck.CKU_USER), user[0], user[1]}},
		{"C_LoginUser", "wrong PINs before", ck.CKR_PIN_LOCKED, lock, []uintptr{s.newcomer, uintptr(ck.CKU_USER), user[0], user[1], 0, 0}},
		{"C_SetPIN", "wrong PINs before", ck.CKR_PIN_LOCKED, lock, []uintptr{s.newcomer, user[0], user[1], user[0], user[1]}},
	}
}
