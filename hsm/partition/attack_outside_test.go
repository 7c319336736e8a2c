package partition

import (
	"bytes"
	"crypto/aes"
	"crypto/rand"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/keywrap"
)

// receive is what the honest agree upon with somebody outside: a key that unwraps keys
// to derive from, and such a key under it. The attacker knows neither.
func receive(a *attacker) {
	if !a.first("receive") {
		return
	}
	under, base := make([]byte, 16), make([]byte, 16)
	rand.Read(under)
	rand.Read(base)
	id, err := a.CreateObject(a.user, join(aesKey, on(ck.CKA_UNWRAP), giving(on(ck.CKA_DERIVE)...), ck.Template{ck.Bytes(ck.CKA_VALUE, bytes.Clone(under))}))
	k := a.takes(id, err, true, "a key that others wrap under")
	if k == nil {
		a.t.Fatal("nothing to unwrap with:", err)
	}
	block, err := aes.NewCipher(under)
	if err != nil {
		a.t.Fatal(err)
	}
	wrapped, err := keywrap.WrapPad(block, nil, base)
	if err != nil {
		a.t.Fatal(err)
	}
	a.blobs = append(a.blobs, &blob{wrapped, keyWrap, k, &atom{o: k.o, value: string(base), owed: true, how: "a key from outside"}})
}
