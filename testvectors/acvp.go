package testvectors

import (
	"math/big"
	"slices"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/acvp"
	"github.com/coffer-hsm/coffer/testvectors/p11"
	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// acvpRun is tests of NIST's ACVP, which are put to the module in the form of
// Wycheproof's: each is a group of its own.
type acvpRun struct {
	pattern string // of acvp.Keys
	kind    string // the type of test that is run; all if empty
	every   int    // of so many tests one is put to the module, but all with COFFER_SOAK
	convert func(*acvp.Case) (g *wycheproof.Group, whyNot string)
	run     func(*runner, *wycheproof.Group)
}

var acvpRuns = []acvpRun{
	{"ACVP-AES-ECB", "AFT", 1, acvpCipher, aesPlain(ck.CKM_AES_ECB)},
	{"ACVP-AES-ECB", monteCarlo, 10, acvpCipher, aesMonteCarlo(ck.CKM_AES_ECB)},
	{"ACVP-AES-CBC", "AFT", 1, acvpCipher, aesPlain(ck.CKM_AES_CBC)},
	{"ACVP-AES-CBC", monteCarlo, 10, acvpCipher, aesMonteCarlo(ck.CKM_AES_CBC)},
	{"ACVP-AES-CTR", "", 1, acvpCTR, aesPlain(ck.CKM_AES_CTR)},
	{"ACVP-AES-GCM", "", 1, acvpGCM, aead(ck.CKK_AES, ck.CKM_AES_GCM)},
	{"CMAC-AES", "", 1, acvpMAC, mac},
	{"HMAC-SHA*", "", 1, acvpMAC, mac},
	{"SHA[23]-*", "AFT", 1, acvpDigest, digest},
	{"SHA2-*", monteCarlo, 10, acvpDigest, digestMonteCarlo(3)},
	{"SHA3-*", monteCarlo, 10, acvpDigest, digestMonteCarlo(1)},
	{"ECDSA/keyVer", "", 1, acvpECDSA, ecPoint},
	{"ECDSA/sigVer", "", 1, acvpECDSA, ecdsaP1363},
	{"DetECDSA/sigGen", "", 1, acvpECDSA, ecdsaP1363},
	{"EDDSA/keyVer", "", 1, acvpEdDSA, ecPoint},
	{"EDDSA/sigVer", "", 1, acvpEdDSA, ed25519Verify},
	{"RSA/sigVer", "", 1, acvpRSA, rsaVerify},
	{"KTS-IFC", "", 1, acvpOAEP, rsaOAEP},
	{"KAS-ECC-SSC", "", 1, acvpAgreement, sharedSecret},
	{"KDA/HKDF", "", 1, acvpHKDF, hkdfOf},
	{"ML-KEM*/keyGen", "", 1, acvpMLKEM, mlkemKeys},
	{"ML-KEM*/encapDecap", "", 1, acvpMLKEM, mlkemEncapsulate},
}

// acvpExclusions are the sets that are not run, as exclusions are for Wycheproof's files.
var acvpExclusions = []exclusion{
	{"KDA/OneStepNoCounter", noStandard, 0},
	{"ML-DSA/*", noMechanism, ck.CKM_ML_DSA},
	{"PBKDF", noMechanism, ck.CKM_PKCS5_PBKD2},
	{"SHAKE-*", noStandard, 0},
	{"TLS-v1.2/KDF", noMechanism, ck.CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE},
	{"TLS-v1.3/KDF", noStandard, 0},
	{"cSHAKE-*", noStandard, 0},
	{"ctrDRBG", "a generator cannot be given its seed: see hsm/crypto/drbg", 0},
	{"hmacDRBG", "a generator cannot be given its seed, and ours is another", 0},
	{"kdf-components/ssh", noStandard, 0},
}

const monteCarlo = acvp.MonteCarlo

// load reads the tests of a key that are of the row.
func (a *acvpRun) load(key string) (*selection, error) {
	cases, err := acvp.Load(key)
	if err != nil {
		return nil, err
	}
	name := key
	if a.kind == monteCarlo {
		name += ", Monte Carlo"
	}
	s := newSelection(name, acvpMACNames.Replace(cases[0].Algorithm), a.every)
	for _, c := range cases {
		if !a.takes(c) {
			continue
		}
		for _, step := range c.Steps() {
			s.add(step.Where, func() (*wycheproof.Group, string) { return a.convert(step) })
		}
	}
	return s, nil
}

func (a *acvpRun) takes(c *acvp.Case) bool { return a.kind == "" || a.kind == c.Text("testType") }

// acvpMACNames makes Wycheproof's names of algorithms out of ACVP's.
var acvpMACNames = strings.NewReplacer("CMAC-AES", "AES-CMAC", "HMAC-SHA2-", "HMACSHA", "HMAC-SHA3-", "HMACSHA3-")

// acvpHashes makes Wycheproof's names of hashes out of ACVP's.
var acvpHashes = strings.NewReplacer("SHA2-", "SHA-", "SHAKE-", "SHAKE")

// acvpCipher reads a test of a block mode, or the first and last block of a step.
func acvpCipher(c *acvp.Case) (*wycheproof.Group, string) {
	g := single(c, wycheproof.Case{Key: c.Bytes("key"), IV: c.Bytes("iv"), Msg: c.Bytes("pt"), CT: c.Bytes("ct")})
	g.Type = c.Text("direction")
	return g, ""
}

// acvpCTR reads a test of counter mode. Where the counter comes back to 0 PKCS #11 has the
// module refuse (section 6.13.8); what comes out is asked of each implementation in
// hsm/crypto/aes.
func acvpCTR(c *acvp.Case) (*wycheproof.Group, string) {
	g, _ := acvpCipher(c)
	if c.Text("overflow") == "true" {
		g.Tests[0].Result = wycheproof.Invalid
	}
	return g, ""
}

func acvpGCM(c *acvp.Case) (*wycheproof.Group, string) {
	g := single(c, wycheproof.Case{
		Key: c.Bytes("key"), IV: c.Bytes("iv"), AAD: c.Bytes("aad"), Msg: c.Bytes("pt"), CT: c.Bytes("ct"), Tag: c.Bytes("tag"),
	})
	g.TagSize = c.Int("tagLen")
	return g, ""
}

// acvpLongestSecret is the longest key of HMAC that Coffer takes, in bytes; ACVP has some of
// 64 KiB.
const acvpLongestSecret = 8192

// acvpMAC reads a MAC, of a message that has one of two names.
func acvpMAC(c *acvp.Case) (*wycheproof.Group, string) {
	key := c.Bytes("key")
	if len(key) > acvpLongestSecret {
		return nil, "key longer than 8192 bytes"
	}
	g := single(c, wycheproof.Case{Key: key, Msg: slices.Concat(c.Bytes("msg"), c.Bytes("message")), Tag: c.Bytes("mac")})
	g.TagSize = c.Int("macLen")
	return g, ""
}

// acvpDigest reads a digest, or what a step starts from and the digest it ends with.
func acvpDigest(c *acvp.Case) (*wycheproof.Group, string) {
	g := single(c, wycheproof.Case{Msg: c.Bytes("msg"), Tag: c.Bytes("md")})
	if c.Has("len") && 8*len(g.Tests[0].Msg) != c.Int("len") {
		return nil, "message is not of bytes"
	}
	g.SHA = acvpHashes.Replace(c.Algorithm)
	return g, ""
}

// acvpCurve names a curve of ACVP as Wycheproof does.
func acvpCurve(c *acvp.Case, field string) string {
	return "secp" + strings.TrimPrefix(c.Text(field), "P-") + "r1"
}

// acvpECDSA reads a public key, and a signature where there is one.
func acvpECDSA(c *acvp.Case) (*wycheproof.Group, string) {
	name := acvpCurve(c, "curve")
	size := curves[name].size
	g := single(c, wycheproof.Case{Msg: c.Bytes("message"), Sig: sideBySide(c.Number("r"), c.Number("s"), size)})
	g.SHA, g.PublicKey.Curve = acvpHashes.Replace(c.Text("hashAlg")), name
	g.PublicKey.Point = append([]byte{4}, sideBySide(c.Number("qx"), c.Number("qy"), size)...)
	return g, ""
}

func acvpEdDSA(c *acvp.Case) (*wycheproof.Group, string) {
	g := single(c, wycheproof.Case{Msg: c.Bytes("message"), Sig: c.Bytes("signature")})
	g.PublicKey.Curve, g.PublicKey.Edwards = "edwards25519", c.Bytes("q")
	if c.Text("preHash") == "true" {
		g.Type = preHash
	}
	return g, ""
}

// acvpRSA reads a signature of RSA, whose kind is the type of the group.
func acvpRSA(c *acvp.Case) (*wycheproof.Group, string) {
	g := single(c, wycheproof.Case{Msg: c.Bytes("message"), Sig: c.Bytes("signature")})
	g.Type, g.SHA = c.Text("sigType"), acvpHashes.Replace(c.Text("hashAlg"))
	if g.Type == "pss" {
		g.MGFSHA, g.SaltLen = g.SHA, c.Int("saltLen")
		if hashes[g.MGFSHA].mgf == 0 {
			return nil, noMGF
		}
	}
	g.PublicKey.Modulus, g.PublicKey.Exponent = c.Bytes("n"), c.Bytes("e")
	return g, ""
}

// acvpOAEP reads a key that was sent under RSA-OAEP, with the private key that it was sent
// to; who sends it chooses it at random.
func acvpOAEP(c *acvp.Case) (*wycheproof.Group, string) {
	if c.Text("kasRole") != "responder" {
		return nil, "the value is chosen by the module"
	}
	hash := acvpHashes.Replace(c.Object("ktsConfiguration").Text("hashAlg"))
	if hashes[hash].mgf == 0 {
		return nil, noMGF
	}
	g := single(c, wycheproof.Case{CT: c.Bytes("serverC"), Msg: c.Bytes("dkm")})
	g.SHA, g.MGFSHA = hash, hash
	g.PrivateKey = acvpPrivate(c)
	return g, ""
}

func acvpPrivate(c *acvp.Case) wycheproof.PrivateKey {
	d, p, q := c.Number("iutD"), c.Number("iutP"), c.Number("iutQ")
	one := big.NewInt(1)
	mod := func(prime *big.Int) []byte { return new(big.Int).Mod(d, new(big.Int).Sub(prime, one)).Bytes() }
	return wycheproof.PrivateKey{
		Modulus: c.Bytes("iutN"), PublicExponent: c.Bytes("iutE"), PrivateExponent: d.Bytes(),
		Prime1: p.Bytes(), Prime2: q.Bytes(), Exponent1: mod(p), Exponent2: mod(q),
		Coefficient: new(big.Int).ModInverse(q, p).Bytes(),
	}
}

// acvpAgreement reads a judgement on a shared secret: it is right or another one is.
func acvpAgreement(c *acvp.Case) (*wycheproof.Group, string) {
	key := "ephemeral"
	if c.Has("staticPublicServerX") {
		key = "static"
	}
	if !c.Has(key + "PrivateIut") {
		return nil, "the key is chosen by the module"
	}
	name := acvpCurve(c, "domainParameterGenerationMode")
	g := single(c, wycheproof.Case{Key: c.Bytes(key + "PrivateIut"), Shared: c.Bytes("z"), Flags: []string{otherValue}})
	g.Curve, g.PublicKey.Curve = name, name
	g.PublicKey.Point = append([]byte{4}, sideBySide(c.Number(key+"PublicServerX"), c.Number(key+"PublicServerY"), curves[name].size)...)
	return g, ""
}

// sharedSecret agrees with the public key of a group.
func sharedSecret(r *runner, g *wycheproof.Group) {
	c := &g.Tests[0]
	r.agreement(c, r.curve(g.Curve), c.Key, publicKey{point: g.PublicKey.Point})
}

// acvpHKDF reads a key that HKDF derives for two parties (SP 800-56C, section 5), of which
// each adds what it is called and, some of them, a public key. It was computed, or is to be
// judged.
func acvpHKDF(c *acvp.Case) (*wycheproof.Group, string) {
	config, parameter := c.Object("kdfConfiguration"), c.Object("kdfParameter")
	u, v := c.Object("fixedInfoPartyU"), c.Object("fixedInfoPartyV")
	g := single(c, wycheproof.Case{
		IKM: parameter.Bytes("z"), Salt: parameter.Bytes("salt"), OKM: c.Bytes("dkm"), Size: parameter.Int("l") / 8,
		Info: slices.Concat(u.Bytes("partyId"), u.Bytes("ephemeralData"), v.Bytes("partyId"), v.Bytes("ephemeralData")),
	})
	if c.Has("testPassed") {
		g.Tests[0].Flags = []string{otherValue}
	}
	g.SHA = acvpHashes.Replace(config.Text("hmacAlg"))
	return g, ""
}

// acvpMLKEM reads a key, of its seed, or what is encapsulated to one.
func acvpMLKEM(c *acvp.Case) (*wycheproof.Group, string) {
	set := c.Text("parameterSet")
	if mlkemSets[set] == 0 {
		return nil, "no " + set
	}
	if c.Text("function") == "decapsulation" {
		return nil, "private keys come with their seed"
	}
	g := single(c, wycheproof.Case{
		Seed: slices.Concat(c.Bytes("d"), c.Bytes("z")), EK: c.Bytes("ek"), DK: c.Bytes("dk"), C: c.Bytes("c"),
	})
	g.Parameters = set
	return g, ""
}

// preHash is the type of groups of Ed25519ph.
const preHash = "preHash"

// ed25519Verify checks signatures of Ed25519 or of Ed25519ph.
func ed25519Verify(r *runner, g *wycheproof.Group) {
	r.ed25519(g, func() p11.Mechanism {
		if g.Type == preHash {
			return p11.Ed25519ph()
		}
		return p11.Plain(ck.CKM_EDDSA)
	})
}

// rsaVerify checks signatures of the kind that the group is of.
func rsaVerify(r *runner, g *wycheproof.Group) {
	if g.Type == "pss" {
		rsaPSS(r, g)
		return
	}
	rsaPKCS1Verify(r, g)
}
