package testvectors

import (
	"encoding/hex"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/p11"
	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// What Wycheproof has no file for, from the standards themselves.

// bytesOf reads hex digits of a table in this file.
func bytesOf(t *testing.T, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// newRunner is a runner for examples that come from no file. In the end of the
// test all that it counted must have passed.
func newRunner(t *testing.T) *runner {
	t.Helper()
	s, err := token.Session()
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{Session: s, token: token, foreign: foreign}
	t.Cleanup(func() {
		for _, message := range r.tally.Messages {
			t.Error(message)
		}
		if r.tally.Cases() == 0 || r.tally.counts[notApplicable] > 0 && !foreign {
			t.Errorf("%d examples, not run: %s", r.tally.Cases(), r.tally.why())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// NIST SP 800-38A, appendix F: the keys, and the message of every example.
const (
	key128  = "2b7e151628aed2a6abf7158809cf4f3c"
	key192  = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b"
	key256  = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
	message = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
		"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
	initial = "000102030405060708090a0b0c0d0e0f"
	counter = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
)

func TestBlockModes(t *testing.T) {
	iv, block := bytesOf(t, initial), bytesOf(t, counter)
	ecb := func() p11.Mechanism { return p11.Plain(ck.CKM_AES_ECB) }
	cbc := func() p11.Mechanism { return p11.Bytes(ck.CKM_AES_CBC, iv) }
	ctr := func() p11.Mechanism { return p11.CTR(block, 128) }
	r := newRunner(t)
	for i, tt := range []struct {
		section string
		new     func() p11.Mechanism
		key, ct string
	}{
		{"F.1.1", ecb, key128, "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf" +
			"43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4"},
		{"F.1.3", ecb, key192, "bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eef" +
			"ef7afd2270e2e60adce0ba2face6444e9a4b41ba738d6c72fb16691603c18e0e"},
		{"F.1.5", ecb, key256, "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870" +
			"b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7"},
		{"F.2.1", cbc, key128, "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2" +
			"73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"},
		{"F.2.3", cbc, key192, "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a" +
			"571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd"},
		{"F.2.5", cbc, key256, "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d" +
			"39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"},
		{"F.5.1", ctr, key128, "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff" +
			"5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"},
		{"F.5.3", ctr, key192, "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94" +
			"1e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050"},
		{"F.5.5", ctr, key256, "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5" +
			"2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"},
	} {
		c := &wycheproof.Case{ID: i, Comment: tt.section, Result: wycheproof.Valid}
		r.with(p11.Secret(ck.CKK_AES, bytesOf(t, tt.key)), func(k handle) {
			r.check(c, k, r.crypt(c, tt.new, bytesOf(t, message), bytesOf(t, tt.ct), parts)...)
		})
	}
}

// The messages of NIST's "Examples with Intermediate Values" (CSRC) to FIPS 180-4
// and FIPS 202.
const (
	abc      = "abc"
	twoBlock = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
	twoLong  = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"
)

func TestDigests(t *testing.T) {
	r := newRunner(t)
	for i, tt := range []struct {
		mech      ck.MechanismType
		data, sum string
	}{
		{ck.CKM_SHA_1, abc, "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{ck.CKM_SHA_1, twoBlock, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
		{ck.CKM_SHA224, abc, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
		{ck.CKM_SHA256, abc, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{ck.CKM_SHA256, twoBlock, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
		{ck.CKM_SHA384, abc, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163" +
			"1a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
		{ck.CKM_SHA512, abc, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
			"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
		{ck.CKM_SHA512, twoLong, "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018" +
			"501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909"},
		{ck.CKM_SHA512_224, abc, "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa"},
		{ck.CKM_SHA512_256, abc, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
		{ck.CKM_SHA3_224, abc, "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"},
		{ck.CKM_SHA3_256, abc, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"},
		{ck.CKM_SHA3_384, abc, "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c25" +
			"96da7cf0e49be4b298d88cea927ac7f539f1edf228376d25"},
		{ck.CKM_SHA3_512, abc, "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e" +
			"10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0"},
	} {
		c := &wycheproof.Case{ID: i, Comment: tt.data, Result: wycheproof.Valid}
		r.check(c, handle{}, r.digests(tt.mech, []byte(tt.data), bytesOf(t, tt.sum))...)
	}
}

// TestEdDSASign signs the messages of RFC 8032, section 7.1.
func TestEdDSASign(t *testing.T) {
	on := curves["edwards25519"]
	r := newRunner(t)
	for i, tt := range []struct{ name, key, message, signature string }{
		{"TEST 1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
				"5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
		{"TEST 2", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
				"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
		{"TEST 3", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac" +
				"18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
	} {
		c := &wycheproof.Case{ID: i, Comment: tt.name, Result: wycheproof.Valid}
		r.with(p11.ECPrivate(on.keyType, ck.CKA_SIGN, on.params(), bytesOf(t, tt.key)), func(k handle) {
			r.check(c, k, r.sign(p11.Plain(ck.CKM_EDDSA), bytesOf(t, tt.message), bytesOf(t, tt.signature), nil)...)
		})
	}
}
