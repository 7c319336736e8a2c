package approved

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

var front = []byte("what is in front\n")

// pair makes a recipient and its identity.
func pair(t testing.TB) (Recipient, Identity) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	to, err := ParseRecipients(publicPEM(t, k.Public()))
	if err != nil {
		t.Fatal(err)
	}
	by, err := ParseIdentities(privatePEM(t, k))
	if err != nil {
		t.Fatal(err)
	}
	return to[0], by[0]
}

func publicPEM(t testing.TB, k any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemPublic, Bytes: der})
}

func privatePEM(t testing.TB, k any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemPrivate, Bytes: der})
}

// cheap is a passphrase with the fewest rounds.
func cheap(s string) *Passphrase {
	p := ByPassphrase(secret.From([]byte(s)))
	p.rounds = seal.MinRounds
	return p
}

func sharesOf(b byte) Shares { return Shares{secret.From(bytes.Repeat([]byte{b}, keySize))} }

func sealed(t testing.TB, plain []byte, to ...Recipient) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := Seal(&out, front, to)
	if err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(plain, 10_000) {
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func opened(text []byte, by ...Identity) ([]byte, error) {
	r, err := Open(bytes.NewReader(text), front, by)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// What is sealed comes back, whatever its length, for each kind of key.
func TestRoundTrip(t *testing.T) {
	shares := sharesOf(1)
	for _, n := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 2 * chunkSize, 2*chunkSize + 70} {
		plain := make([]byte, n)
		rand.Read(plain)
		text := sealed(t, plain, shares)
		chunks := max(1, (n+chunkSize-1)/chunkSize)
		if want := 1 + 3 + sealedKey + 32 + n + chunks*overhead; len(text) != want {
			t.Errorf("%d bytes: %d sealed, want %d", n, len(text), want)
		}
		got, err := opened(text, shares)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: %d come back, %v", n, len(got), err)
		}
		r, err := Open(iotest.OneByteReader(bytes.NewReader(text)), front, []Identity{shares})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(iotest.HalfReader(r)); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes, in small pieces: %d come back, %v", n, len(got), err)
		}
	}
}

// Each key that it was made for opens it by itself, and no other does; which kind of key
// was wrong, and how, does not show.
func TestKeys(t *testing.T) {
	to, by := pair(t)
	_, stranger := pair(t)
	text := sealed(t, []byte("text"), to, cheap("correct horse"), sharesOf(1))
	for name, i := range map[string]Identity{"private key": by, "passphrase": cheap("correct horse"), "shares": sharesOf(1)} {
		if got, err := opened(text, stranger, i); err != nil || string(got) != "text" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, i := range map[string]Identity{
		"private key": stranger, "passphrase": cheap("correct house"), "short passphrase": cheap("a"), "no passphrase": cheap(""),
		"shares": sharesOf(2), "no shares": Shares{}, "short shares": Shares{secret.New(16)},
	} {
		if _, err := opened(text, i); err != ErrKey {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if _, err := opened(text); err != ErrKey {
		t.Errorf("no key: %v", err)
	}
}

// TestRefused: nothing is sealed for nobody, for too many, or for two passphrases.
func TestRefused(t *testing.T) {
	for _, row := range []struct {
		to   []Recipient
		want error
	}{
		{nil, ErrNobody},
		{slices.Repeat([]Recipient{sharesOf(1)}, 256), ErrNobody},
		{[]Recipient{cheap("correct horse"), cheap("other horse")}, ErrPassphrases},
		{[]Recipient{Shares{}}, ErrKey},
	} {
		if _, err := Seal(io.Discard, front, row.to); !errors.Is(err, row.want) {
			t.Errorf("%d keys: %v, want %v", len(row.to), err, row.want)
		}
	}
	if _, err := ToPassphrase(secret.From([]byte("short"))); !errors.Is(err, seal.ErrShortPassphrase) {
		t.Error(err)
	}
	w, err := Seal(iotestLimit(200), front, []Recipient{sharesOf(1)})
	if err != nil {
		t.Fatal(err)
	}
	w.Write(make([]byte, 3*chunkSize))
	if err := w.Close(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a disk that is full: %v", err)
	}
	if _, err := w.Write([]byte("more")); err == nil {
		t.Error("written to after its end")
	}
}

// iotestLimit takes so many bytes and no more.
func iotestLimit(n int) io.Writer { return &limited{n} }

type limited struct{ left int }

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, io.ErrShortWrite
	}
	l.left -= len(p)
	return len(p), nil
}

// isNamed reports whether an error is one that damage may end in.
func isNamed(err error) bool { return errors.Is(err, ErrDamaged) || errors.Is(err, ErrKey) }

// TestDamage: no byte can be changed, of the head or in what is in front of it, and no
// part left out, moved or added.
func TestDamage(t *testing.T) {
	to, by := pair(t)
	shares := sharesOf(1)
	plain := make([]byte, 3*chunkSize+100)
	good := sealed(t, plain, to, shares)
	head := 1 + 3 + encapsulated + keySize + tagSize + 3 + sealedKey + 32
	keys := map[string]Identity{"private key": by, "shares": shares}
	try := func(what string, text []byte) {
		t.Helper()
		for name, key := range keys {
			if _, err := opened(text, key); !isNamed(err) {
				t.Errorf("%s: opened by %s: %v", what, name, err)
			}
		}
	}
	whole := chunkSize + overhead
	at := func(i int) []byte { return good[head+i*whole : min(len(good), head+(i+1)*whole)] }
	for i := 0; i < head; i++ {
		text := bytes.Clone(good)
		text[i] ^= 1 << (i % 8)
		try(fmt.Sprintf("byte %d of the head", i), text)
	}
	for chunk := range 4 {
		for _, i := range []int{0, nonceSize - 1, nonceSize, nonceSize + 50, len(at(chunk)) - tagSize, len(at(chunk)) - 1} {
			text := bytes.Clone(good)
			text[head+chunk*whole+i] ^= 1
			try(fmt.Sprintf("byte %d of chunk %d", i, chunk), text)
		}
	}
	for i := 0; i <= head+overhead; i++ {
		try(fmt.Sprintf("cut at %d", i), good[:i])
	}
	for i := 1; i < 4; i++ {
		try(fmt.Sprintf("%d chunks", i), good[:head+i*whole])
		try(fmt.Sprintf("%d chunks and a byte", i), good[:head+i*whole+1])
		try(fmt.Sprintf("%d chunks less a byte", i), good[:head+i*whole-1])
	}
	begin := good[:head]
	for what, chunks := range map[string][][]byte{
		"reordered": {begin, at(1), at(0), at(2), at(3)}, "the last first": {begin, at(3), at(0), at(1), at(2)},
		"one left out": {begin, at(0), at(2), at(3)}, "the first left out": {begin, at(1), at(2), at(3)}, "only the last": {begin, at(3)},
		"one twice": {begin, at(0), at(1), at(1), at(2), at(3)}, "the last twice": {good, at(3)}, "a byte more": {good, {0}},
		"all twice": {good, good}, "another's head": {sealed(t, plain, to, shares)[:head], good[head:]},
	} {
		try(what, slices.Concat(chunks...))
	}
	if _, err := Open(bytes.NewReader(good), []byte("something else in front"), []Identity{shares}); !errors.Is(err, ErrDamaged) {
		t.Errorf("behind something else: %v", err)
	}
}

// TestHeads: heads that nobody writes are refused before work is done for them.
func TestHeads(t *testing.T) {
	fileKey := newFileKey()
	pass, err := cheap("correct horse").wrap(fileKey)
	if err != nil {
		t.Fatal(err)
	}
	mac := make([]byte, 32)
	for what, head := range map[string][]byte{
		"no keys": {0}, "another kind": {1, 'X', 0, 60}, "another length": append([]byte{1}, entry{kindShares, make([]byte, 61)}.append(nil)...),
		"two passphrases": slices.Concat([]byte{2}, pass.append(nil), pass.append(nil)),
	} {
		if _, err := opened(append(head, mac...), cheap("correct horse")); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, rounds := range []uint32{0, 1, seal.MinRounds - 1, maxRounds + 1, 1<<32 - 1} {
		e := entry{pass.kind, bytes.Clone(pass.body)}
		binary.BigEndian.PutUint32(e.body, rounds)
		if _, err := cheap("correct horse").unwrap(e); err != ErrKey {
			t.Errorf("%d rounds: %v", rounds, err)
		}
	}
}

// TestFormat reads an envelope by FORMAT.md alone.
func TestFormat(t *testing.T) {
	text := sealed(t, []byte("text"), cheap("correct horse"))
	gcm := func(key, sealed, aad []byte) []byte {
		block, _ := aes.NewCipher(key)
		aead, _ := cipher.NewGCM(block)
		plain, err := aead.Open(nil, sealed[:12], sealed[12:], aad)
		if err != nil {
			t.Fatal(err)
		}
		return plain
	}
	if n := []byte{1, 'P', 0, 96}; !bytes.HasPrefix(text, n) {
		t.Fatalf("% x", text[:4])
	}
	body, head, mac, chunk := text[4:100], slices.Concat(front, text[:100]), text[100:132], text[132:]
	rounds := int(binary.BigEndian.Uint32(body))
	kek, err := pbkdf2.Key(sha512.New, "correct horse", body[4:36], rounds, 32)
	if err != nil {
		t.Fatal(err)
	}
	fileKey := gcm(kek, body[36:], append([]byte("coffer/backup/2 passphrase"), body[:36]...))
	bound := sha256.Sum256(head)
	macKey, _ := hkdf.Key(sha256.New, fileKey, bound[:], "coffer/backup/2 head", 32)
	h := hmac.New(sha256.New, macKey)
	h.Write(head)
	if !bytes.Equal(h.Sum(nil), mac) {
		t.Error("another MAC")
	}
	stream, _ := hkdf.Key(sha256.New, fileKey, bound[:], "coffer/backup/2 stream", 32)
	if got := gcm(stream, chunk, []byte{0, 0, 0, 0, 0, 0, 0, 0, 1}); string(got) != "text" {
		t.Errorf("%q", got)
	}
	if written := ByPassphrase(secret.From([]byte("correct horse"))).rounds; written != 600_000 {
		t.Errorf("%d rounds", written)
	}
}
