package partition

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/service"
)

type messageFunc = func(*service.Key, *ck.Mechanism) (api.MessageCipher, error)

func pickMessageEncrypt(m *service.Mechanism) messageFunc { return m.MessageEncrypt }
func pickMessageDecrypt(m *service.Mechanism) messageFunc { return m.MessageDecrypt }

// MessageEncrypt is C_MessageEncryptInit.
func (p *Partition) MessageEncrypt(who api.Caller, m *ck.Mechanism, key api.ObjectID) (api.MessageCipher, error) {
	op, _, err := start(p, who, useEncrypt, m, key, pickMessageEncrypt)
	return op, err
}

// MessageDecrypt is C_MessageDecryptInit. Its keys are secret keys, which never
// need a login for each use.
func (p *Partition) MessageDecrypt(who api.Caller, m *ck.Mechanism, key api.ObjectID) (api.MessageCipher, error) {
	op, _, err := start(p, who, useDecrypt, m, key, pickMessageDecrypt)
	return op, err
}
