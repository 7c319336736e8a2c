package tpm

import (
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// primary is the storage primary key of a TPM: derived anew, from the seed that is the
// TPM's until it is cleared, whenever it is needed (TPM 2.0 Library, part 1, "Primary
// Seed Properties").
type primary struct {
	tpm    transport.TPM
	handle tpm2.TPMHandle
	name   tpm2.TPM2BName
	public tpm2.TPMTPublic
}

// newPrimary makes the ECC key that the TCG's guidance on provisioning has for storage.
func newPrimary(t transport.TPM) (*primary, error) {
	r, err := tpm2.CreatePrimary{
		PrimaryHandle: tpm2.TPMRHOwner,
		InPublic:      tpm2.New2B(tpm2.ECCSRKTemplate),
	}.Execute(t)
	if err != nil {
		return nil, err
	}
	p := &primary{tpm: t, handle: r.ObjectHandle, name: r.Name}
	public, err := r.OutPublic.Contents()
	if err != nil {
		p.flush()
		return nil, err
	}
	p.public = *public
	return p, nil
}

func (p *primary) flush() { flush(p.tpm, p.handle) }

func flush(t transport.TPM, h tpm2.TPMHandle) { _, _ = tpm2.FlushContext{FlushHandle: h}.Execute(t) }

// auth is the right to use the primary key, in a session that encrypts what goes to the
// TPM or comes from it: its bus can be listened to.
func (p *primary) auth(direction tpm2.AuthOption) tpm2.AuthHandle {
	return tpm2.AuthHandle{Handle: p.handle, Name: p.name, Auth: tpm2.HMAC(tpm2.TPMAlgSHA256, 16,
		direction, tpm2.Salted(p.handle, p.public))}
}

// selection is PCRs of the SHA-256 bank.
func selection(pcrs []uint) tpm2.TPMLPCRSelection {
	return tpm2.TPMLPCRSelection{PCRSelections: []tpm2.TPMSPCRSelection{{
		Hash: tpm2.TPMAlgSHA256, PCRSelect: tpm2.PCClientCompatible.PCRs(pcrs...),
	}}}
}

// policy is the digest of the policy that PCRs be as they are now.
func (p *primary) policy(pcrs []uint) (tpm2.TPM2BDigest, error) {
	s, done, err := tpm2.PolicySession(p.tpm, tpm2.TPMAlgSHA256, 16, tpm2.Trial())
	if err != nil {
		return tpm2.TPM2BDigest{}, err
	}
	defer done()
	if _, err := (tpm2.PolicyPCR{PolicySession: s.Handle(), Pcrs: selection(pcrs)}).Execute(p.tpm); err != nil {
		return tpm2.TPM2BDigest{}, err
	}
	r, err := tpm2.PolicyGetDigest{PolicySession: s.Handle()}.Execute(p.tpm)
	if err != nil {
		return tpm2.TPM2BDigest{}, err
	}
	return r.PolicyDigest, nil
}

func newKey() *secret.Bytes {
	key := secret.New(seal.KeySize)
	rand.Read(key.Expose()) // never fails
	return key
}

// seal makes an object of the key that only this primary key can load, and that opens
// only if pcrs, if any, are as they are now.
func (p *primary) seal(key *secret.Bytes, pcrs []uint) (public, private []byte, err error) {
	template := tpm2.TPMTPublic{
		Type: tpm2.TPMAlgKeyedHash, NameAlg: tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, NoDA: true, UserWithAuth: len(pcrs) == 0},
	}
	if len(pcrs) > 0 {
		if template.AuthPolicy, err = p.policy(pcrs); err != nil {
			return nil, nil, err
		}
	}
	defer runtime.KeepAlive(key)
	r, err := tpm2.Create{
		ParentHandle: p.auth(tpm2.AESEncryption(128, tpm2.EncryptIn)),
		InSensitive: tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{
			Data: tpm2.NewTPMUSensitiveCreate(&tpm2.TPM2BSensitiveData{Buffer: key.Expose()}),
		}},
		InPublic: tpm2.New2B(template),
	}.Execute(p.tpm)
	if err != nil {
		return nil, nil, err
	}
	return tpm2.Marshal(r.OutPublic), tpm2.Marshal(r.OutPrivate), nil
}

// unseal is the inverse of seal: ErrPCRs, ErrSlot.
func (p *primary) unseal(public, private []byte, pcrs []uint) (*secret.Bytes, error) {
	inPublic, err1 := tpm2.Unmarshal[tpm2.TPM2BPublic](public)
	inPrivate, err2 := tpm2.Unmarshal[tpm2.TPM2BPrivate](private)
	if err1 != nil || err2 != nil {
		return nil, ErrSlot
	}
	object, err := tpm2.Load{
		ParentHandle: p.auth(tpm2.AESEncryption(128, tpm2.EncryptIn)),
		InPrivate:    *inPrivate, InPublic: *inPublic,
	}.Execute(p.tpm)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSlot, err)
	}
	defer flush(p.tpm, object.ObjectHandle)
	r, err := tpm2.Unseal{ItemHandle: tpm2.AuthHandle{
		Handle: object.ObjectHandle, Name: object.Name, Auth: p.unsealing(pcrs),
	}}.Execute(p.tpm)
	if errors.Is(err, tpm2.TPMRCPolicyFail) {
		return nil, ErrPCRs
	}
	if err != nil {
		return nil, err
	}
	return secret.From(r.OutData.Buffer), nil
}

// unsealing is the session that opens a sealed object.
func (p *primary) unsealing(pcrs []uint) tpm2.Session {
	options := []tpm2.AuthOption{tpm2.AESEncryption(128, tpm2.EncryptOut), tpm2.Salted(p.handle, p.public)}
	if len(pcrs) == 0 {
		return tpm2.HMAC(tpm2.TPMAlgSHA256, 16, options...)
	}
	return tpm2.Policy(tpm2.TPMAlgSHA256, 16, func(t transport.TPM, h tpm2.TPMISHPolicy, _ tpm2.TPM2BNonce) error {
		_, err := tpm2.PolicyPCR{PolicySession: h, Pcrs: selection(pcrs)}.Execute(t)
		return err
	}, options...)
}
