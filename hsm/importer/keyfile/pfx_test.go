package keyfile

import (
	encodingasn1 "encoding/asn1"
	"errors"
	"os"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/importer/importertest"
)

// TestPKCS12SecretKeys: a secret key that Java has put beside a pair is told of as one
// that cannot come, and alone it is not taken for a damaged file.
func TestPKCS12SecretKeys(t *testing.T) {
	t.Chdir(t.TempDir())
	java := func(store, command string, args ...string) {
		importertest.Run(t, "keytool", append([]string{command, "-keystore", store, "-storetype", "PKCS12", "-storepass", "opensesame"}, args...)...)
	}
	java("both.p12", "-genkeypair", "-alias", "web", "-keyalg", "EC", "-dname", "CN=web")
	for _, store := range []string{"both.p12", "secret.p12"} {
		java(store, "-genseckey", "-alias", "disk", "-keyalg", "AES", "-keysize", "256")
	}
	s, err := ReadPKCS12("both.p12", Options{}, answer("opensesame"))
	if err != nil {
		t.Fatal(err)
	}
	plan := importertest.New(t).Rehearse(s)
	if plan.Count(importer.Comes) != 3 || plan.Count(importer.Cannot) != 1 {
		t.Errorf("%d come over and %d cannot: %+v", plan.Count(importer.Comes), plan.Count(importer.Cannot), plan.Steps)
	}
	if _, err := ReadPKCS12("secret.p12", Options{}, answer("opensesame")); !errors.Is(err, importer.ErrUnsupported) {
		t.Errorf("a secret key alone: %v", err)
	}
	if _, err := ReadPKCS12("both.p12", Options{}, answer("wrong")); !errors.Is(err, importer.ErrPassword) {
		t.Errorf("wrong password: %v", err)
	}
}

// TestPKCS12EmptyPassword: nobody is asked for an empty one.
func TestPKCS12EmptyPassword(t *testing.T) {
	t.Chdir(t.TempDir())
	importertest.Run(t, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-keyout", "key.pem", "-subj", "/CN=web", "-out", "crt.pem")
	for _, more := range [][]string{{}, {"-legacy"}, {"-nomac"}} {
		importertest.Run(t, "openssl", append([]string{"pkcs12", "-export", "-inkey", "key.pem", "-in", "crt.pem",
			"-passout", "pass:", "-out", "empty.p12"}, more...)...)
		s, err := ReadPKCS12("empty.p12", Options{}, nobody)
		if err != nil || len(s.Objects) != 3 || len(s.Left) != 0 {
			t.Errorf("%v: %v, %+v", more, err, s)
		}
	}
}

// der makes an element of ASN.1 of what is in it.
func der(tag asn1.Tag, inner ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) {
		for _, i := range inner {
			b.AddBytes(i)
		}
	})
	return b.BytesOrPanic()
}

func derValue(t *testing.T, v any) []byte {
	t.Helper()
	b, err := encodingasn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPKCS12Cost: wherever a file asks for so many iterations that it would take for
// ever, it is refused before any of them.
func TestPKCS12Cost(t *testing.T) {
	const forever = 1<<31 - 1
	seq := func(inner ...[]byte) []byte { return der(asn1.SEQUENCE, inner...) }
	explicit := func(inner ...[]byte) []byte { return der(explicit0, inner...) }
	octets := func(b []byte) []byte { return der(asn1.OCTET_STRING, b) }
	oid := func(n ...int) []byte { return derValue(t, encodingasn1.ObjectIdentifier(n)) }
	salt := octets([]byte("salt and pepper."))
	data, bag := oid(oidData...), oid(append(oidBags[:len(oidBags):len(oidBags)], bagSealed)...)
	pbe := seq(oid(1, 2, 840, 113549, 1, 12, 1, 3), seq(salt, derValue(t, forever)))
	pbes2 := seq(oid(1, 2, 840, 113549, 1, 5, 13), seq(seq(oid(1, 2, 840, 113549, 1, 5, 12), seq(salt, derValue(t, forever)))))
	safe := func(info ...[]byte) []byte { return seq(data, explicit(octets(seq(info...)))) }
	cheap := seq(oid(1, 3, 14, 3, 2, 26), []byte{5, 0})
	mac := func(algorithm []byte, n int) []byte {
		return seq(seq(algorithm, octets(make([]byte, 20))), salt, derValue(t, n))
	}
	encrypted := func(algorithm []byte) []byte {
		return seq(oid(oidEncryptedData...), explicit(seq(derValue(t, 0), seq(data, algorithm, der(asn1.Tag(0).ContextSpecific(), make([]byte, 16))))))
	}
	shrouded := func(algorithm []byte) []byte {
		return seq(data, explicit(octets(seq(seq(bag, explicit(seq(algorithm, octets(make([]byte, 16)))))))))
	}
	version := derValue(t, 3)
	for name, file := range map[string][]byte{
		"MAC":                seq(version, safe(), mac(cheap, forever)),
		"PBMAC1":             seq(version, safe(), mac(pbes2, 1)),
		"contents":           seq(version, safe(encrypted(pbe)), mac(cheap, 1)),
		"contents, PBES2":    seq(version, safe(encrypted(pbes2)), mac(cheap, 1)),
		"key":                seq(version, safe(shrouded(pbe)), mac(cheap, 1)),
		"key, PBES2, no MAC": seq(version, safe(shrouded(pbes2))),
	} {
		path := t.TempDir() + "/f.p12"
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPKCS12(path, Options{}, nobody); !errors.Is(err, importer.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
