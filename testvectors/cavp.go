package testvectors

import (
	"encoding/binary"
	"math/big"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/testvectors/cavp"
	"github.com/coffer-hsm/coffer/testvectors/p11"
	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// cavpRun is files of NIST's CAVP, which are put to the module in the form of
// Wycheproof's: each case is a group of its own.
type cavpRun struct {
	pattern   string // of cavp.Names
	mark      string // of cavp.Load
	every     int    // of so many cases one is put to the module, but all with COFFER_SOAK
	algorithm string // of the file, for runners that ask for it
	convert   func(*cavp.Case) (g *wycheproof.Group, whyNot string)
	run       func(*runner, *wycheproof.Group)
}

var cavpRuns = []cavpRun{
	{"ciphers/AES/ECB/ECB*.rsp", "key", 1, "", cavpCipher, aesPlain(ck.CKM_AES_ECB)},
	{"ciphers/AES/CBC/CBC*.rsp", "key", 1, "", cavpCipher, aesPlain(ck.CKM_AES_CBC)},
	{"ciphers/AES/CTR/aes-*.txt", "key", 1, "", cavpCipher, aesPlain(ck.CKM_AES_CTR)},
	{"ciphers/AES/GCM/gcm*.rsp", "key", 10, "", cavpGCM, aead(ck.CKK_AES, ck.CKM_AES_GCM)},
	{"ciphers/AES/CCM/*.rsp", "count", 1, "", cavpCCM, aead(ck.CKK_AES, ck.CKM_AES_CCM)},
	{"ciphers/AES/XTS/*/XTSGen*.rsp", "key", 1, "", cavpXTS, aesXTS},
	{"keywrap/kwtestvectors/KW_A?_???.txt", "k", 10, "", cavpKeyWrap, keyWrap(ck.CKM_AES_KEY_WRAP)},
	{"keywrap/kwtestvectors/KWP_A?_???.txt", "k", 10, "", cavpKeyWrap, keyWrap(ck.CKM_AES_KEY_WRAP_KWP, ck.CKM_AES_KEY_WRAP_PAD)},
	{"CMAC/nist-800-38b-aes*.txt", "key", 1, "AES-CMAC", cavpMAC("message", "output"), mac},
	{"HMAC/rfc-2202-sha1.txt", "md", 1, "HMACSHA1", cavpMAC("msg", "md"), mac},
	{"HMAC/rfc-4231-sha224.txt", "md", 1, "HMACSHA224", cavpMAC("msg", "md"), mac},
	{"HMAC/rfc-4231-sha256.txt", "md", 1, "HMACSHA256", cavpMAC("msg", "md"), mac},
	{"HMAC/rfc-4231-sha384.txt", "md", 1, "HMACSHA384", cavpMAC("msg", "md"), mac},
	{"HMAC/rfc-4231-sha512.txt", "md", 1, "HMACSHA512", cavpMAC("msg", "md"), mac},
	{"hashes/SHA?/SHA*Msg.rsp", "md", 1, "", cavpDigest, digest},
	{"hashes/SHA[12]/SHA*Monte.rsp", "md", 1, "", cavpDigest, digestMonteCarlo(3)},
	{"hashes/SHA3/SHA*Monte.rsp", "md", 1, "", cavpDigest, digestMonteCarlo(1)},
	{"asymmetric/ECDSA/FIPS_186-3/PKV.rsp", "result", 1, "", cavpECDSA, ecPoint},
	{"asymmetric/ECDSA/FIPS_186-3/SigGen.rsp", "s", 1, "", cavpECDSA, ecdsaP1363},
	{"asymmetric/ECDSA/FIPS_186-3/SigVer.rsp", "s", 1, "", cavpECDSA, ecdsaP1363},
	{"asymmetric/RSA/FIPS_186-2/SigGen15_186-?.rsp", "s", 1, "", cavpRSA(0), rsaPKCS1Verify},
	{"asymmetric/RSA/FIPS_186-2/SigVer15_186-3.rsp", "s", 1, "", cavpRSA(0), rsaPKCS1Both},
	{"asymmetric/RSA/FIPS_186-2/SigGenPSS_186-2.rsp", "s", 1, "", cavpRSA(20), rsaPSS},
	{"asymmetric/RSA/FIPS_186-2/SigGenPSS_186-3.rsp", "s", 1, "", cavpRSA(0), rsaPSS},
	{"asymmetric/RSA/FIPS_186-2/SigVerPSS_186-3.rsp", "s", 1, "", cavpRSA(10), rsaPSS},
}

// load reads the files of a row. Where there are very many cases some are left out: those
// are run in full in hsm/crypto.
func (c *cavpRun) load() (*selection, error) {
	names, err := cavp.Names(c.pattern)
	if err != nil {
		return nil, err
	}
	s := newSelection(c.pattern, c.algorithm, c.every)
	for _, name := range names {
		f, err := cavp.Load(name, c.mark)
		if err != nil {
			return nil, err
		}
		for _, one := range f.Cases {
			s.add(one.Where, func() (*wycheproof.Group, string) { return c.convert(one) })
		}
	}
	return s, nil
}

// single is a group of one test, which is valid or not as the case says.
func single(from interface{ Passes() bool }, c wycheproof.Case) *wycheproof.Group {
	c.Result = wycheproof.Valid
	if !from.Passes() {
		c.Result = wycheproof.Invalid
	}
	return &wycheproof.Group{Tests: []wycheproof.Case{c}}
}

func cavpCipher(c *cavp.Case) (*wycheproof.Group, string) {
	return single(c, wycheproof.Case{
		Key: c.Bytes("key"), IV: c.Bytes("iv"), Msg: c.Bytes("plaintext"), CT: c.Bytes("ciphertext"),
	}), ""
}

func cavpGCM(c *cavp.Case) (*wycheproof.Group, string) {
	g := single(c, wycheproof.Case{
		Key: c.Bytes("key"), IV: c.Bytes("iv"), AAD: c.Bytes("aad"), CT: c.Bytes("ct"), Tag: c.Bytes("tag"),
	})
	if c.Passes() {
		g.Tests[0].Msg = c.Bytes("pt")
	}
	g.TagSize = 8 * len(g.Tests[0].Tag)
	return g, ""
}

// cavpCCM reads a case of CCM, which writes a byte where there is none: lengths count.
func cavpCCM(c *cavp.Case) (*wycheproof.Group, string) {
	plain, tag := c.Int("plen"), c.Int("tlen")
	ct := c.Bytes("ct")
	if len(ct) != plain+tag {
		panic(c.Where + ": ciphertext of another length")
	}
	g := single(c, wycheproof.Case{
		Key: c.Bytes("key"), IV: c.Bytes("nonce"), AAD: c.Bytes("adata")[:c.Int("alen")], CT: ct[:plain], Tag: ct[plain:],
	})
	if c.Passes() {
		g.Tests[0].Msg = c.Bytes("payload")[:plain]
	}
	g.TagSize = 8 * tag
	return g, ""
}

// cavpXTS reads a data unit, whose number is either hex or decimal.
func cavpXTS(c *cavp.Case) (*wycheproof.Group, string) {
	if c.Int("dataunitlen")%8 != 0 {
		return nil, "data unit is not of bytes"
	}
	number := c.Bytes("i")
	if !c.Has("i") {
		number = binary.LittleEndian.AppendUint64(nil, uint64(c.Int("dataunitseqnumber")))
	}
	return single(c, wycheproof.Case{Key: c.Bytes("key"), IV: number, Msg: c.Bytes("pt"), CT: c.Bytes("ct")}), ""
}

func cavpKeyWrap(c *cavp.Case) (*wycheproof.Group, string) {
	g := single(c, wycheproof.Case{Key: c.Bytes("k"), CT: c.Bytes("c")})
	if c.Passes() {
		g.Tests[0].Msg = c.Bytes("p")
	}
	return g, ""
}

func cavpMAC(message, answer string) func(*cavp.Case) (*wycheproof.Group, string) {
	return func(c *cavp.Case) (*wycheproof.Group, string) {
		g := single(c, wycheproof.Case{Key: c.Bytes("key"), Msg: c.Bytes(message), Tag: c.Bytes(answer)})
		g.TagSize = 8 * len(g.Tests[0].Tag)
		return g, ""
	}
}

// cavpDigest reads a digest of a message, of as many bits as it says: that of none is
// written as a byte. Of a Monte Carlo test the message is what it starts from: the seed
// or the digest before.
func cavpDigest(c *cavp.Case) (*wycheproof.Group, string) {
	msg := c.Bytes("seed")
	if c.Has("msg") {
		msg = c.Bytes("msg")[:c.Int("len")/8]
	} else if c.Int("count") > 0 {
		msg = c.Before("md")
	}
	g := single(c, wycheproof.Case{Msg: msg, Tag: c.Bytes("md")})
	g.SHA = cavpFileHash(c.Where)
	return g, ""
}

// cavpFileHash is the hash that a file is named for, as Wycheproof calls it.
func cavpFileHash(where string) string {
	_, name, _ := strings.Cut(where, "/SHA")
	_, name, _ = strings.Cut(name, "/SHA")
	name, _, _ = strings.Cut(strings.NewReplacer("ShortMsg", ".", "LongMsg", ".", "Monte", ".").Replace(name), ".")
	if bits, is := strings.CutPrefix(name, "3_"); is {
		return "SHA3-" + bits
	}
	return "SHA-" + strings.Replace(name, "_", "/", 1)
}

// cavpECDSA reads a case of ECDSA, whose curve and hash the section names. Curves that
// are not in the set are passed over.
func cavpECDSA(c *cavp.Case) (*wycheproof.Group, string) {
	curve, hash, _ := strings.Cut(c.Section, ",")
	name := "secp" + strings.TrimPrefix(curve, "P-") + "r1"
	on := curves[name]
	if on == nil {
		return nil, noCurve
	}
	g := single(c, wycheproof.Case{Msg: c.Bytes("msg"), Sig: sideBySide(c.Number("r"), c.Number("s"), on.size)})
	g.SHA, g.PublicKey.Curve = hash, name
	g.PublicKey.Point = append([]byte{4}, sideBySide(c.Number("qx"), c.Number("qy"), on.size)...)
	return g, ""
}

// sideBySide is two numbers in size bytes each, more if one is longer.
func sideBySide(a, b *big.Int, size int) []byte {
	size = max(size, (a.BitLen()+7)/8, (b.BitLen()+7)/8)
	pair := make([]byte, 2*size)
	a.FillBytes(pair[:size])
	b.FillBytes(pair[size:])
	return pair
}

// cavpRSA reads a signature of RSA; that of PSS has a salt of so many bytes. Those for
// checking come with the private key.
func cavpRSA(salt int) func(*cavp.Case) (*wycheproof.Group, string) {
	return func(c *cavp.Case) (*wycheproof.Group, string) {
		n := c.Number("n")
		signature := c.Number("s").FillBytes(make([]byte, (n.BitLen()+7)/8))
		g := single(c, wycheproof.Case{Msg: c.Bytes("msg"), Sig: signature})
		g.SHA = strings.Replace(c.Text("shaalg"), "SHA", "SHA-", 1)
		g.MGFSHA, g.SaltLen = g.SHA, salt
		g.PublicKey.Modulus, g.PublicKey.Exponent = n.Bytes(), c.Number("e").Bytes()
		g.PrivateKey = wycheproof.PrivateKey{
			Modulus: n.Bytes(), PublicExponent: c.Number("e").Bytes(), PrivateExponent: c.Number("d").Bytes(),
		}
		return g, ""
	}
}

// rsaPKCS1Both checks a signature of PKCS #1 v1.5 and, as there is but one of a message,
// makes it again if it is right.
func rsaPKCS1Both(r *runner, g *wycheproof.Group) {
	if g.Tests[0].Result != wycheproof.Valid {
		rsaPKCS1Verify(r, g)
		return
	}
	r.rsaPKCS1(g, rsaPrivate(g), g.PrivateKey.Modulus, r.sign)
}

// ecPoint has the module judge public keys, which it does when they are imported.
func ecPoint(r *runner, g *wycheproof.Group) {
	on := r.curve(g.PublicKey.Curve)
	if on == nil {
		return
	}
	mech, point := ck.MechanismType(ck.CKM_ECDSA), g.PublicKey.Point
	if on.keyType == ck.CKK_EC_EDWARDS {
		mech, point = ck.CKM_EDDSA, g.PublicKey.Edwards
	}
	r.with(p11.ECPublic(on.keyType, on.params(), der([]byte(point))), func(k handle) {
		r.check(&g.Tests[0], k, trial{"import", mech, ck.CKF_VERIFY, nil, func(p11.Key) ([]byte, error) { return nil, nil }})
	})
}
