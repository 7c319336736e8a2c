package rsa

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"math/big"

	"github.com/coffer-hsm/coffer/fips"
)

// selfTest signs and verifies with a fixed key (IG 10.3.A: both directions of
// RSA), by the portable path and, if the machine has it, by the accelerated one.
var selfTest = fips.CAST("RSA", func() error {
	key := testKey()
	if err := testWith(key, nil); err != nil || kernels == nil {
		return err
	}
	if err := testWith(key, kernels); err != nil {
		return err
	}
	return testBatch(key, kernels)
})

// testWith has PSS with SHA-256, MGF1 with SHA-384 and no salt, so that there is
// one right answer, which was computed with OpenSSL 3.0. A changed signature must
// be refused.
func testWith(k *rsa.PrivateKey, kernels []kernel) error {
	key, err := newPrivateKey(k, kernels)
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte("abc"))
	pss := PSS{Hash: sha256.New, MGF: sha512.New384}
	sig, err := pss.sign(nil, key, digest[:])
	if err != nil {
		return err
	}
	want, _ := hex.DecodeString("50179cae0d6648cdfec70da510d7b20450677a56d119f240aa719d60b5cb0ba8")
	if got := sha256.Sum256(sig); !bytes.Equal(got[:], want) {
		return errors.New("wrong signature")
	}
	if err := pss.verify(&key.PublicKey, digest[:], sig); err != nil {
		return errors.New("a right signature was refused")
	}
	sig[len(sig)-1] ^= 1
	if pss.verify(&key.PublicKey, digest[:], sig) == nil {
		return errors.New("a wrong signature was accepted")
	}
	return nil
}

// testBatch has the kernels of eight lanes undo the public operation, on numbers that
// differ from lane to lane.
func testBatch(k *rsa.PrivateKey, kernels []kernel) error {
	key := newCRTKey(kernels, newPublicModulus(kernels, k.N, uint(k.E)), k)
	var ops [batchSize]*operation
	for i := range ops {
		m := bytes.Repeat([]byte{byte(i + 1)}, key.size-1)
		ops[i] = &operation{key: key, c: key.public.encrypt(m), m: make([]byte, key.size), err: errFault}
	}
	newBatcher(kernels, key.digits).run(ops[:])
	for i, op := range ops {
		m, err := op.result(nil)
		if err != nil {
			return err
		}
		if !bytes.Equal(m[1:], bytes.Repeat([]byte{byte(i + 1)}, key.size-1)) {
			return errors.New("wrong result in a batch")
		}
	}
	return nil
}

// testKey is a key of 2048 bits for the self-test.
func testKey() *rsa.PrivateKey {
	p, _ := new(big.Int).SetString(
		"faad8feccc784a1b51278a502a27a162ec845ce020c6760bbee442184ec2392eaae8ab41a10b28288a3c0bb5800b0bf3"+
			"8b0514aedbc8579840a389cddad766a847fbd87e34c685538f0ae9d155981c43633bc05a1bcf7dc85d3b1930c75558f3"+
			"bf6e03cd47bc26ebbaa11e4a4d81b7f17cdcc542ff7bdea7e93dc6aef3c4c73d", 16)
	q, _ := new(big.Int).SetString(
		"d4095c4a26549527da97a601463dfcb80c781a2ac4a43115843758f2e986578963574684e23c194b7b443200c41809b2"+
			"eccfe974b24d17847f8a05f4d6632439db699b89acc63fe98037034a51487478fcae071f0e476cff202219ac9006f76d"+
			"b48de769cb57bd5683e28dc8206dab43d9d3032f07cf04998f30dd82d60b02af", 16)
	one := big.NewInt(1)
	k := rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, Primes: []*big.Int{p, q}}
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	k.D = new(big.Int).ModInverse(big.NewInt(int64(k.E)), phi)
	k.Precompute()
	return &k
}
