package service

import (
	"sync"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/aes"
)

// AES-XTS (section 6.15), for one data unit an operation. It wraps no keys: the
// standard has it encrypt and decrypt only.
func init() {
	register(xtsKeyGen(), ciphering(newXTS, xtsMechanism(ck.CKM_AES_XTS, ck.ParamBytes)))
}

// xtsMechanism is a mechanism of keys for XTS; sizes are in bytes.
func xtsMechanism(t ck.MechanismType, param ck.ParamKind) Mechanism {
	return Mechanism{Type: t, Min: 32, Max: 64, Param: param, KeyTypes: []ck.KeyType{ck.CKK_AES_XTS}}
}

func xtsKeyGen() Mechanism {
	m := xtsMechanism(ck.CKM_AES_XTS_KEY_GEN, ck.ParamNone)
	m.GenerateKey = func(_ *ck.Mechanism, tmpl ck.Template) (ck.Template, error) {
		return generateSecret(ck.CKK_AES_XTS, tmpl, func(n uint64) bool { return n == 32 || n == 64 })
	}
	return m
}

// xtsKey is the parsed form of a key for XTS.
type xtsKey struct{ *aes.XTS }

// zero wipes the key, with which no operation may be under way.
func (key *xtsKey) zero()    { key.Zero() }
func (key *xtsKey) abandon() { key.Abandon() }

// parseXTS answers CKR_ATTRIBUTE_VALUE_INVALID for a value that is not a key of XTS.
func parseXTS(a source) (any, error) {
	key, err := aes.NewXTS(a(ck.CKA_VALUE))
	if failed := Ready(); failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, ck.CKR_ATTRIBUTE_VALUE_INVALID
	}
	return &xtsKey{key}, nil
}

func newXTS(k *Key, m *ck.Mechanism, d direction) (api.Cipher, error) {
	number := m.Param.(*ck.BytesParam).Bytes
	if len(number) != aesBlockSize {
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	if err := Ready(); err != nil {
		return nil, err
	}
	key, err := parsedAs[*xtsKey](k)
	if err != nil {
		return nil, err
	}
	c := xtsCiphers.Get().(*xtsCipher)
	*c = xtsCipher{direction: d, open: true, unit: key.Unit((*[aesBlockSize]byte)(number), d == decrypting)}
	return c, nil
}

// xtsCipher is an api.Cipher that gives as many bytes as it takes. In parts it holds
// back a block and what follows it, since the last whole block is done together with a
// part of one that may come after it.
type xtsCipher struct {
	direction
	open bool // up to Close
	unit aes.Unit
	done int // bytes that have come out
	held [2*aesBlockSize - 1]byte
	n    int // bytes in held
}

// xtsCiphers are those that have been closed.
var xtsCiphers = sync.Pool{New: func() any { return new(xtsCipher) }}

// whole is how many bytes come out at once of total.
func (*xtsCipher) whole(total int) int { return max(0, total/aesBlockSize-1) * aesBlockSize }

func (c *xtsCipher) Update(dst, src []byte) (int, error) {
	total := c.n + len(src)
	out := c.whole(total)
	if n, done, err := fits(dst, out); done {
		return n, err
	}
	if c.done+total > aes.MaxUnit {
		return 0, c.lengthRange()
	}
	if out == 0 {
		c.n += copy(c.held[c.n:], src)
		return 0, nil
	}
	c.crypt(dst[:out], src)
	return out, nil
}

// crypt fills dst with what is held and the start of src, and holds the rest. dst may be
// the memory of src: what is to be held is read first, and all else goes to where it
// belongs before it is done in place.
func (c *xtsCipher) crypt(dst, src []byte) {
	var rest [len(c.held)]byte
	defer clear(rest[:])
	first := min(c.n, len(dst)) // of what is held
	used := len(dst) - first
	n := copy(rest[:], c.held[first:c.n])
	n += copy(rest[n:], src[used:])
	if first == 0 {
		c.unit.Blocks(dst, src[:used])
	} else {
		copy(dst[first:], src[:used])
		copy(dst, c.held[:first])
		c.unit.Blocks(dst, dst)
	}
	c.done += len(dst)
	c.held, c.n = rest, n
}

func (c *xtsCipher) Final(dst []byte) (int, error) {
	if n, done, err := fits(dst, c.n); done {
		return n, err
	}
	if c.n < aesBlockSize {
		return 0, c.lengthRange()
	}
	c.unit.Last(dst[:c.n], c.held[:c.n])
	return c.n, nil
}

func (c *xtsCipher) OneShot(dst, src []byte) (int, error) {
	if dst != nil && (len(src) < aesBlockSize || len(src) > aes.MaxUnit) {
		return 0, c.lengthRange()
	}
	if n, done, err := fits(dst, len(src)); done {
		return n, err
	}
	c.unit.Last(dst[:len(src)], src)
	return len(src), nil
}

// Close wipes what may be plaintext, and the tweak. The cipher is not used after that, but
// for another Close at once.
func (c *xtsCipher) Close() {
	if !c.open {
		return
	}
	*c = xtsCipher{}
	xtsCiphers.Put(c)
}
