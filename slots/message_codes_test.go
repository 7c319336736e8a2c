package slots_test

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// messageCalls are the calls of an active operation on messages.
var messageCalls = map[string]call{
	"EncryptMessage": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return drop(a.EncryptMessage(h, gcmMessage(), nil, some(), some()))
	},
	"EncryptMessageBegin": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.EncryptMessageBegin(h, gcmMessage(), nil)
	},
	"EncryptMessageNext": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return drop(a.EncryptMessageNext(h, gcmMessage(), some(), some(), false))
	},
	"DecryptMessage": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return drop(a.DecryptMessage(h, gcmMessage(), nil, some(), some()))
	},
	"DecryptMessageBegin": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.DecryptMessageBegin(h, gcmMessage(), nil)
	},
	"DecryptMessageNext": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return drop(a.DecryptMessageNext(h, gcmMessage(), some(), some(), true))
	},
	"SignMessage": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return drop(a.SignMessage(h, nil, some(), some()))
	},
	"SignMessageBegin": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return a.SignMessageBegin(h, nil) },
	"SignMessageNext": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.SignMessageNext(h, nil, some())
	},
	"SignMessageEnd": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return drop(a.SignMessageEnd(h, nil, some(), some()))
	},
	"VerifyMessage": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.VerifyMessage(h, nil, some(), some())
	},
	"VerifyMessageBegin": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return a.VerifyMessageBegin(h, nil) },
	"VerifyMessageNext": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.VerifyMessageNext(h, nil, some())
	},
	"VerifyMessageEnd": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.VerifyMessageEnd(h, nil, some(), some())
	},
	"MessageEncryptFinal": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return a.MessageEncryptFinal(h) },
	"MessageDecryptFinal": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return a.MessageDecryptFinal(h) },
	"MessageSignFinal":    func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return a.MessageSignFinal(h) },
	"MessageVerifyFinal":  func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error { return a.MessageVerifyFinal(h) },
	"RefuseMessage": func(a *slots.App, h ck.SessionHandle, _ ck.ObjectHandle) error {
		return a.RefuseMessage(h, slots.MessageSignOperation, slots.MessageNext, ck.CKR_ARGUMENTS_BAD)
	},
}

// The tables of codes_test.go hold these methods to the same rules.
func init() {
	for name, f := range map[string]func(*slots.App, ck.SessionHandle, *ck.Mechanism, ck.ObjectHandle) error{
		"MessageEncryptInit": (*slots.App).MessageEncryptInit,
		"MessageDecryptInit": (*slots.App).MessageDecryptInit,
		"MessageSignInit":    (*slots.App).MessageSignInit,
		"MessageVerifyInit":  (*slots.App).MessageVerifyInit,
	} {
		row := objectCalls["EncryptInit"]
		row.do = initCall(f)
		objectCalls[name] = row
	}
	for name, do := range messageCalls {
		operationCalls[name] = do
	}
}

func gcmMessage() *ck.MessageParams {
	return &ck.MessageParams{Kind: ck.GCMMessage, Nonce: make([]byte, 12), Tag: make([]byte, 16), TagSize: 16}
}
