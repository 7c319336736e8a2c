package partition

import (
	"fmt"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// The moves of HKDF: keys and data of the same info, and keys in the place of the salt.

const (
	anyInfo = "any info"
	ivInfo  = "\x00\x20tls iv\x00"
)

// generateHKDF makes keys to derive by HKDF from, and brings in what HKDF-Expand feeds
// to HMAC for the first block of an info.
func generateHKDF(a *attacker) {
	if !a.first("keys for HKDF") {
		return
	}
	for _, g := range []struct {
		name string
		tmpl ck.Template
	}{
		{"a key for HKDF", nil},
		{"a key for HKDF, for keys that leave", lifting(on(ck.CKA_EXTRACTABLE)...)},
		{"a key for HKDF, for keys that derive", lifting(on(ck.CKA_DERIVE)...)},
	} {
		id, err := a.GenerateKey(a.user, hkdfGen, join(ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(32))}, g.tmpl))
		a.takes(id, err, true, g.name)
	}
	for _, info := range []string{anyInfo, ivInfo} {
		id, err := a.CreateObject(a.user, join(hkdfType, on(ck.CKA_DERIVE), readable, ck.Template{ck.String(ck.CKA_VALUE, info+"\x01")}))
		a.takes(id, err, false, "what is expanded of "+info)
	}
}

var (
	hkdfGen  = &ck.Mechanism{Type: ck.CKM_HKDF_KEY_GEN}
	hkdfType = ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_HKDF)}
	hkdfMade = []ck.Template{on(ck.CKA_ENCRYPT), readable, on(ck.CKA_ENCRYPT, ck.CKA_EXTRACTABLE), on(ck.CKA_DERIVE), join(on(ck.CKA_DERIVE), lifting(readable...))}
)

func hkdfBy(t ck.MechanismType, p ck.HKDFParams) *ck.Mechanism {
	p.Hash = ck.CKM_SHA256
	return &ck.Mechanism{Type: t, Param: &p}
}

// expand makes keys and data of the same infos.
func expand(a *attacker) {
	for _, k := range a.that(ck.CKA_DERIVE) {
		if k.o.KeyType() != ck.CKK_HKDF || !a.first("expand %x", k.id) {
			continue
		}
		for _, info := range []string{anyInfo, ivInfo} {
			p := ck.HKDFParams{Expand: true, Info: []byte(info)}
			how := fmt.Sprintf("expanding %q of %s", info, k.how)
			for _, tmpl := range hkdfMade {
				id, err := a.DeriveKey(a.user, hkdfBy(ck.CKM_HKDF_DERIVE, p), k.id, join(hkdfType, bits256, tmpl))
				a.takes(id, err, k.owed, how)
			}
			a.reads(hkdfBy(ck.CKM_HKDF_DATA, p), k, how)
		}
	}
}

// reads derives data and reads it.
func (a *attacker) reads(m *ck.Mechanism, k *atom, how string) {
	id, err := a.DeriveKey(a.user, m, k.id, bits256)
	if err != nil {
		return
	}
	a.knows(a.held(id).object.Bytes(ck.CKA_VALUE), how)
	if err := a.DestroyObject(a.user, id); err != nil {
		a.t.Fatal(err)
	}
}

// salt extracts of every key by every other.
func salt(a *attacker) {
	for _, k := range a.that(ck.CKA_DERIVE) {
		for _, s := range a.that(ck.CKA_DERIVE) {
			if k.o.KeyType() != ck.CKK_HKDF || s.o.KeyType() != ck.CKK_HKDF || !a.first("salt %x %x", k.id, s.id) {
				continue
			}
			p := ck.HKDFParams{Extract: true, SaltType: ck.CKF_HKDF_SALT_KEY, SaltID: s.id}
			how := "salting " + k.how + " with " + s.how
			for _, tmpl := range hkdfMade[:3] {
				id, err := a.DeriveKey(a.user, hkdfBy(ck.CKM_HKDF_DERIVE, p), k.id, join(aesKey, tmpl))
				a.takes(id, err, k.owed || s.owed, how)
			}
			a.reads(hkdfBy(ck.CKM_HKDF_DATA, p), k, how)
		}
	}
}
