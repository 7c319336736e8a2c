package main

import (
	"bytes"
	"runtime/debug"
	"testing"
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// nullCalls calls every function of a session or slot with NULL and 0 for all
// else, and a count of one where there is a count, with the answer of an
// initialised library.
func nullCalls(h cSession) map[string]struct {
	call func() cRV
	rv   ck.RV
} {
	type row = struct {
		call func() cRV
		rv   ck.RV
	}
	const bad, idle, ok = ck.CKR_ARGUMENTS_BAD, ck.CKR_OPERATION_NOT_INITIALIZED, ck.CKR_OK
	return map[string]row{
		"GetInfo":           {func() cRV { return coffer_C_GetInfo(nil) }, bad},
		"GetSlotList":       {func() cRV { return coffer_C_GetSlotList(1, nil, nil) }, bad},
		"GetSlotInfo":       {func() cRV { return coffer_C_GetSlotInfo(0, nil) }, bad},
		"GetTokenInfo":      {func() cRV { return coffer_C_GetTokenInfo(0, nil) }, bad},
		"GetMechanismList":  {func() cRV { return coffer_C_GetMechanismList(0, nil, nil) }, bad},
		"GetMechanismInfo":  {func() cRV { return coffer_C_GetMechanismInfo(0, 0, nil) }, bad},
		"InitToken":         {func() cRV { return coffer_C_InitToken(0, nil, 0, nil) }, bad},
		"OpenSession":       {func() cRV { return coffer_C_OpenSession(0, 4, nil, nil, nil) }, bad},
		"GetSessionInfo":    {func() cRV { return coffer_C_GetSessionInfo(h, nil) }, bad},
		"SessionCancel":     {func() cRV { return coffer_C_SessionCancel(h, 0) }, ok},
		"Login":             {func() cRV { return coffer_C_Login(h, 1, nil, 0) }, bad},
		"InitPIN":           {func() cRV { return coffer_C_InitPIN(h, nil, 0) }, bad},
		"SetPIN":            {func() cRV { return coffer_C_SetPIN(h, nil, 0, nil, 0) }, bad},
		"CreateObject":      {func() cRV { return coffer_C_CreateObject(h, nil, 1, nil) }, bad},
		"CopyObject":        {func() cRV { return coffer_C_CopyObject(h, 1, nil, 1, nil) }, bad},
		"DestroyObject":     {func() cRV { return coffer_C_DestroyObject(h, 0) }, ck.CKR_OBJECT_HANDLE_INVALID},
		"GetObjectSize":     {func() cRV { return coffer_C_GetObjectSize(h, 1, nil) }, bad},
		"GetAttributeValue": {func() cRV { return coffer_C_GetAttributeValue(h, 1, nil, 1) }, bad},
		"SetAttributeValue": {func() cRV { return coffer_C_SetAttributeValue(h, 1, nil, 1) }, bad},
		"FindObjectsInit":   {func() cRV { return coffer_C_FindObjectsInit(h, nil, 1) }, bad},
		"FindObjects":       {func() cRV { return coffer_C_FindObjects(h, nil, 1, nil) }, bad},
		"FindObjectsFinal":  {func() cRV { return coffer_C_FindObjectsFinal(h) }, idle},
		"EncryptInit":       {func() cRV { return coffer_C_EncryptInit(h, nil, 0) }, ok},
		"Encrypt":           {func() cRV { return coffer_C_Encrypt(h, nil, 1, nil, nil) }, idle},
		"EncryptUpdate":     {func() cRV { return coffer_C_EncryptUpdate(h, nil, 1, nil, nil) }, idle},
		"EncryptFinal":      {func() cRV { return coffer_C_EncryptFinal(h, nil, nil) }, idle},
		"DecryptInit":       {func() cRV { return coffer_C_DecryptInit(h, nil, 0) }, ok},
		"Decrypt":           {func() cRV { return coffer_C_Decrypt(h, nil, 1, nil, nil) }, idle},
		"DecryptUpdate":     {func() cRV { return coffer_C_DecryptUpdate(h, nil, 1, nil, nil) }, idle},
		"DecryptFinal":      {func() cRV { return coffer_C_DecryptFinal(h, nil, nil) }, idle},
		"DigestInit":        {func() cRV { return coffer_C_DigestInit(h, nil) }, ok},
		"Digest":            {func() cRV { return coffer_C_Digest(h, nil, 1, nil, nil) }, idle},
		"DigestUpdate":      {func() cRV { return coffer_C_DigestUpdate(h, nil, 1) }, idle},
		"DigestKey":         {func() cRV { return coffer_C_DigestKey(h, 0) }, idle},
		"DigestFinal":       {func() cRV { return coffer_C_DigestFinal(h, nil, nil) }, idle},
		"SignInit":          {func() cRV { return coffer_C_SignInit(h, nil, 0) }, ok},
		"Sign":              {func() cRV { return coffer_C_Sign(h, nil, 1, nil, nil) }, idle},
		"SignUpdate":        {func() cRV { return coffer_C_SignUpdate(h, nil, 1) }, idle},
		"SignFinal":         {func() cRV { return coffer_C_SignFinal(h, nil, nil) }, idle},
		"SignRecoverInit":   {func() cRV { return coffer_C_SignRecoverInit(h, nil, 0) }, ok},
		"SignRecover":       {func() cRV { return coffer_C_SignRecover(h, nil, 1, nil, nil) }, idle},
		"VerifyInit":        {func() cRV { return coffer_C_VerifyInit(h, nil, 0) }, ok},
		"Verify":            {func() cRV { return coffer_C_Verify(h, nil, 1, nil, 1) }, idle},
		"VerifyUpdate":      {func() cRV { return coffer_C_VerifyUpdate(h, nil, 1) }, idle},
		"VerifyFinal":       {func() cRV { return coffer_C_VerifyFinal(h, nil, 1) }, idle},
		"VerifyRecoverInit": {func() cRV { return coffer_C_VerifyRecoverInit(h, nil, 0) }, ok},
		"VerifyRecover":     {func() cRV { return coffer_C_VerifyRecover(h, nil, 1, nil, nil) }, idle},
		"GenerateKey":       {func() cRV { return coffer_C_GenerateKey(h, nil, nil, 1, nil) }, bad},
		"GenerateKeyPair":   {func() cRV { return coffer_C_GenerateKeyPair(h, nil, nil, 1, nil, 1, nil, nil) }, bad},
		"WrapKey":           {func() cRV { return coffer_C_WrapKey(h, nil, 0, 0, nil, nil) }, bad},
		"UnwrapKey":         {func() cRV { return coffer_C_UnwrapKey(h, nil, 0, nil, 1, nil, 1, nil) }, bad},
		"DeriveKey":         {func() cRV { return coffer_C_DeriveKey(h, nil, 0, nil, 1, nil) }, bad},
		"SeedRandom":        {func() cRV { return coffer_C_SeedRandom(h, nil, 1) }, bad},
		"GenerateRandom":    {func() cRV { return coffer_C_GenerateRandom(h, nil, 1) }, bad},
		"GetFunctionStatus": {func() cRV { return coffer_C_GetFunctionStatus(h) }, ck.CKR_FUNCTION_NOT_PARALLEL},
		"CancelFunction":    {func() cRV { return coffer_C_CancelFunction(h) }, ck.CKR_FUNCTION_NOT_PARALLEL},

		"DigestEncryptUpdate": {func() cRV { return coffer_C_DigestEncryptUpdate(h, nil, 1, nil, nil) }, idle},
		"DecryptDigestUpdate": {func() cRV { return coffer_C_DecryptDigestUpdate(h, nil, 1, nil, nil) }, idle},
		"SignEncryptUpdate":   {func() cRV { return coffer_C_SignEncryptUpdate(h, nil, 1, nil, nil) }, idle},
		"DecryptVerifyUpdate": {func() cRV { return coffer_C_DecryptVerifyUpdate(h, nil, 1, nil, nil) }, idle},

		"VerifySignatureInit":   {func() cRV { return coffer_C_VerifySignatureInit(h, nil, 0, nil, 1) }, ok},
		"VerifySignature":       {func() cRV { return coffer_C_VerifySignature(h, nil, 1) }, idle},
		"VerifySignatureUpdate": {func() cRV { return coffer_C_VerifySignatureUpdate(h, nil, 1) }, idle},
		"VerifySignatureFinal":  {func() cRV { return coffer_C_VerifySignatureFinal(h) }, idle},

		"GetOperationState":         {func() cRV { return coffer_C_GetOperationState(h, nil, nil) }, bad},
		"SetOperationState":         {func() cRV { return coffer_C_SetOperationState(h, nil, 1, 0, 0) }, bad},
		"LoginUser":                 {func() cRV { return coffer_C_LoginUser(h, 1, nil, 0, nil, 1) }, bad},
		"GetSessionValidationFlags": {func() cRV { return coffer_C_GetSessionValidationFlags(h, 1, nil) }, bad},
		"WaitForSlotEvent":          {func() cRV { return coffer_C_WaitForSlotEvent(1, nil, nil) }, bad},

		"AsyncComplete": {func() cRV { return coffer_C_AsyncComplete(h, nil, nil) }, bad},
		"AsyncGetID":    {func() cRV { return coffer_C_AsyncGetID(h, nil, nil) }, bad},
		"AsyncJoin":     {func() cRV { return coffer_C_AsyncJoin(h, nil, 1, nil, 1) }, bad},

		"EncapsulateKey": {func() cRV { return coffer_C_EncapsulateKey(h, nil, 0, nil, 1, nil, nil, nil) }, bad},
		"DecapsulateKey": {func() cRV { return coffer_C_DecapsulateKey(h, nil, 0, nil, 1, nil, 1, nil) }, bad},

		"WrapKeyAuthenticated":   {func() cRV { return coffer_C_WrapKeyAuthenticated(h, nil, 0, 0, nil, 1, nil, nil) }, bad},
		"UnwrapKeyAuthenticated": {func() cRV { return coffer_C_UnwrapKeyAuthenticated(h, nil, 0, nil, 1, nil, 1, nil, 1, nil) }, bad},

		"Logout": {func() cRV { return coffer_C_Logout(h) }, ck.CKR_USER_NOT_LOGGED_IN},
	}
}

// slotCalls are those of nullCalls that have no session.
var slotCalls = map[string]bool{"GetInfo": true, "GetSlotList": true, "GetSlotInfo": true, "GetTokenInfo": true,
	"GetMechanismList": true, "GetMechanismInfo": true, "InitToken": true, "OpenSession": true, "WaitForSlotEvent": true}

func TestNull(t *testing.T) {
	_, h := start(t)
	for name, c := range nullCalls(h) {
		want(t, name, c.call(), c.rv)
	}
	for name, c := range nullCalls(h + 1) {
		if !slotCalls[name] {
			want(t, name+" without a session", c.call(), ck.CKR_SESSION_HANDLE_INVALID)
		}
	}
}

func TestNotInitialized(t *testing.T) {
	for name, c := range nullCalls(1) {
		want(t, name, c.call(), ck.CKR_CRYPTOKI_NOT_INITIALIZED)
	}
	want(t, "CloseSession", coffer_C_CloseSession(1), ck.CKR_CRYPTOKI_NOT_INITIALIZED)
	want(t, "CloseAllSessions", coffer_C_CloseAllSessions(0), ck.CKR_CRYPTOKI_NOT_INITIALIZED)
	want(t, "Finalize", coffer_C_Finalize(nil), ck.CKR_CRYPTOKI_NOT_INITIALIZED)
}

func TestFinalize(t *testing.T) {
	m, h := start(t)
	var junk int
	want(t, "with an argument", coffer_C_Finalize(pointer(&junk)), ck.CKR_ARGUMENTS_BAD)
	want(t, "after that", coffer_C_FindObjectsFinal(h), ck.CKR_OPERATION_NOT_INITIALIZED)
	want(t, "the first", coffer_C_Finalize(nil), ck.CKR_OK)
	want(t, "the second", coffer_C_Finalize(nil), ck.CKR_CRYPTOKI_NOT_INITIALIZED)
	if !m.closed {
		t.Error("the module is open")
	}
	want(t, "initialize with NULL", coffer_initialize(nil), ck.CKR_ARGUMENTS_BAD)
}

var sha256 = cMechanism{mechanism: cUlong(ck.CKM_SHA256)}

// TestOutputContract holds C_Digest and C_DigestFinal to section 5.2.
func TestOutputContract(t *testing.T) {
	_, h := start(t)
	data := []cByte{1, 2, 3}
	var n cUlong
	final := func(out *cByte) cRV { return coffer_C_DigestFinal(h, out, &n) }
	whole := func(out *cByte) cRV { return coffer_C_Digest(h, &data[0], 3, out, &n) }
	for name, call := range map[string]func(*cByte) cRV{"Digest": whole, "DigestFinal": final} {
		want(t, "DigestInit", coffer_C_DigestInit(h, &sha256), ck.CKR_OK)
		if name == "DigestFinal" {
			want(t, "DigestUpdate", coffer_C_DigestUpdate(h, &data[0], 3), ck.CKR_OK)
			want(t, "DigestUpdate of nothing", coffer_C_DigestUpdate(h, nil, 0), ck.CKR_OK)
		}
		buf := []cByte{0xEE, 0xEE, 0xEE, 0xEE}
		n = 99
		want(t, name+" NULL", call(nil), ck.CKR_OK)
		if n != 2 {
			t.Errorf("%s: length %d", name, n)
		}
		n = 1
		want(t, name+" one short", call(&buf[0]), ck.CKR_BUFFER_TOO_SMALL)
		if n != 2 || buf[0] != 0xEE {
			t.Errorf("%s one short: length %d, %x", name, n, buf)
		}
		n = 0
		want(t, name+" no space", call(&buf[0]), ck.CKR_BUFFER_TOO_SMALL)
		n = 3
		want(t, name+" larger", call(&buf[0]), ck.CKR_OK)
		if n != 2 || !bytes.Equal([]byte(chars(buf)), []byte{0, 6, 0xEE, 0xEE}) {
			t.Errorf("%s: length %d, %x", name, n, buf)
		}
		want(t, name+" again", call(&buf[0]), ck.CKR_OPERATION_NOT_INITIALIZED)
	}
}

// An argument error ends the operation, as any other does.
func TestArgumentErrorEnds(t *testing.T) {
	_, h := start(t)
	data := []cByte{1}
	n := cUlong(unavailable)
	for name, call := range map[string]func() cRV{
		"no length":            func() cRV { return coffer_C_Digest(h, &data[0], 1, &data[0], nil) },
		"a wild length":        func() cRV { return coffer_C_Digest(h, &data[0], 1, &data[0], &n) },
		"NULL of one":          func() cRV { return coffer_C_DigestUpdate(h, nil, 1) },
		"wild input":           func() cRV { return coffer_C_DigestUpdate(h, &data[0], unavailable) },
		"no length at the end": func() cRV { return coffer_C_DigestFinal(h, &data[0], nil) },
	} {
		want(t, "DigestInit", coffer_C_DigestInit(h, &sha256), ck.CKR_OK)
		want(t, name, call(), ck.CKR_ARGUMENTS_BAD)
		want(t, name+", after that", coffer_C_DigestUpdate(h, &data[0], 1), ck.CKR_OPERATION_NOT_INITIALIZED)
	}
}

func TestContain(t *testing.T) {
	_, h := start(t)
	data := []cByte{0xFF}
	want(t, "DigestInit", coffer_C_DigestInit(h, &sha256), ck.CKR_OK)
	want(t, "a panic below", coffer_C_DigestUpdate(h, &data[0], 1), ck.CKR_GENERAL_ERROR)
	want(t, "the operation", coffer_C_DigestUpdate(h, &data[0], 0), ck.CKR_OPERATION_NOT_INITIALIZED)
	want(t, "the session", coffer_C_DigestInit(h, &sha256), ck.CKR_OK)
}

// A fault in the caller's memory is contained too: an address that is in no
// process, with a length that could be.
func TestFault(t *testing.T) {
	_, h := start(t)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(false))
	want(t, "DigestInit", coffer_C_DigestInit(h, &sha256), ck.CKR_OK)
	nowhere := unsafe.Add(unsafe.Pointer(nil), 4096)
	want(t, "DigestUpdate", coffer_C_DigestUpdate(h, (*cByte)(nowhere), 100), ck.CKR_GENERAL_ERROR)
	want(t, "GenerateRandom", coffer_C_GenerateRandom(h, (*cByte)(nowhere), 100), ck.CKR_GENERAL_ERROR)
	want(t, "the session", coffer_C_DigestInit(h, &sha256), ck.CKR_OK)
}

func TestLoginWipesPIN(t *testing.T) {
	m, h := start(t)
	pin := []cByte{'1', '2', '3', '4'}
	want(t, "Login", coffer_C_Login(h, cUlong(ck.CKU_USER), &pin[0], 4), ck.CKR_OK)
	if !bytes.Equal(m.partition.pin, make([]byte, 4)) || pin[0] != '1' {
		t.Errorf("the copy of the PIN is %x, the caller's %x", m.partition.pin, pin)
	}
}

// A PIN of a length that none has is not read, and comes after all else that is wrong.
func TestEndlessPIN(t *testing.T) {
	m, h := start(t)
	pin := []cByte{'1', '2', '3', '4'}
	for _, n := range []cUlong{maxPIN + 1, 1 << 48, unavailable} {
		want(t, "Login", coffer_C_Login(h, cUlong(ck.CKU_USER), &pin[0], n), ck.CKR_PIN_INCORRECT)
		want(t, "Login on no session", coffer_C_Login(h+1, cUlong(ck.CKU_USER), &pin[0], n), ck.CKR_SESSION_HANDLE_INVALID)
		want(t, "SetPIN", coffer_C_SetPIN(h, &pin[0], 4, &pin[0], n), ck.CKR_SESSION_READ_ONLY)
		want(t, "InitPIN", coffer_C_InitPIN(h, &pin[0], n), ck.CKR_USER_NOT_LOGGED_IN)
	}
	if m.partition.pin != nil {
		t.Errorf("the partition was given a PIN of %d bytes", len(m.partition.pin))
	}
}

func TestCreateObjectWipesKey(t *testing.T) {
	m, h := start(t)
	class, value := ck.AppendUlong(nil, uint64(ck.CKO_SECRET_KEY)), []byte("key")
	list := []cAttribute{attr(ck.CKA_CLASS, class), attr(ck.CKA_LABEL, []byte("name")), attr(ck.CKA_VALUE, value)}
	var made cObject
	want(t, "CreateObject", coffer_C_CreateObject(h, &list[0], 3, &made), ck.CKR_OK)
	p := m.partition
	if made == 0 || p.read != string(class)+"namekey" || !bytes.Equal(p.tmpl[2].Value, make([]byte, 3)) || string(value) != "key" {
		t.Errorf("handle %d, template %q, %v afterwards, the caller's key %q", made, p.read, p.tmpl, value)
	}
}

func TestLists(t *testing.T) {
	_, h := start(t)
	var n cUlong
	want(t, "count", coffer_C_GetSlotList(0, nil, &n), ck.CKR_OK)
	if n != 2 {
		t.Fatalf("%d slots", n)
	}
	list := make([]cUlong, 2)
	n = 1
	want(t, "one short", coffer_C_GetSlotList(0, &list[0], &n), ck.CKR_BUFFER_TOO_SMALL)
	want(t, "exact", coffer_C_GetSlotList(0, &list[0], &n), ck.CKR_OK)
	if n != 2 || list[0] != 0 || list[1] != 1 {
		t.Errorf("%d slots, %v", n, list)
	}
	want(t, "mechanisms", coffer_C_GetMechanismList(0, &list[0], &n), ck.CKR_OK)
	if n != 2 || list[0] != cUlong(ck.CKM_SHA256) {
		t.Errorf("%d mechanisms, %v", n, list)
	}
	var info cSessionInfo
	want(t, "GetSessionInfo", coffer_C_GetSessionInfo(h, &info), ck.CKR_OK)
	if info.slotID != 0 || info.flags != cUlong(ck.CKF_SERIAL_SESSION) {
		t.Errorf("%+v", info)
	}
}

func TestGenerateRandom(t *testing.T) {
	_, h := start(t)
	buf := make([]cByte, 4)
	want(t, "three bytes", coffer_C_GenerateRandom(h, &buf[0], 3), ck.CKR_OK)
	if chars(buf) != "\xA5\xA5\xA5\x00" {
		t.Errorf("%x", buf)
	}
	want(t, "none", coffer_C_GenerateRandom(h, nil, 0), ck.CKR_OK)
	want(t, "wild", coffer_C_GenerateRandom(h, &buf[0], unavailable), ck.CKR_ARGUMENTS_BAD)
}

// The shell itself allocates nothing on the way to an operation.
func TestNoAllocation(t *testing.T) {
	_, h := start(t)
	data := make([]cByte, 16)
	if rv := coffer_C_DigestInit(h, &sha256); rv != 0 {
		t.Fatal(ck.RV(rv))
	}
	n := cUlong(16)
	for name, call := range map[string]func() cRV{
		"DigestUpdate":   func() cRV { return coffer_C_DigestUpdate(h, &data[0], 16) },
		"DigestFinal":    func() cRV { return coffer_C_DigestFinal(h, nil, &n) },
		"Sign":           func() cRV { return coffer_C_Sign(h, &data[0], 16, &data[0], &n) },
		"GenerateRandom": func() cRV { return coffer_C_GenerateRandom(h, &data[0], 16) },
	} {
		if got := testing.AllocsPerRun(100, func() { call() }); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}
