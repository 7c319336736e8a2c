package service

import (
	"golang.org/x/crypto/cryptobyte"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// paramCoder writes a mechanism's parameter into a saved state, or reads it back:
// one description of each parameter serves both ways.
type paramCoder struct {
	to   *cryptobyte.Builder // when writing
	from cryptobyte.String   // when reading
	bad  bool                // what was read is not such a parameter
}

func codeNumber[T ~uint64](c *paramCoder, v *T) {
	if c.to != nil {
		c.to.AddUint64(uint64(*v))
		return
	}
	var n uint64
	c.bad = !c.from.ReadUint64(&n) || c.bad
	*v = T(n)
}

// codeBytes reads a copy, as the state is wiped.
func codeBytes(c *paramCoder, v *[]byte) {
	if c.to != nil {
		c.to.AddUint32(uint32(len(*v)))
		c.to.AddBytes(*v)
		return
	}
	var n uint32
	if !c.from.ReadUint32(&n) || uint64(n) > uint64(len(c.from)) {
		c.bad = true
		return
	}
	*v = make([]byte, n)
	c.bad = !c.from.CopyBytes(*v) || c.bad
}

func codeFlag(c *paramCoder, v *bool) {
	var n uint64
	if *v {
		n = 1
	}
	codeNumber(c, &n)
	*v = n != 0
}

// codeParam describes the parameters of the mechanisms whose operations can be
// saved; it reports whether p is one of them.
func codeParam(c *paramCoder, p any) bool {
	switch p := p.(type) {
	case *ck.BytesParam:
		codeBytes(c, &p.Bytes)
	case *ck.UlongParam:
		codeNumber(c, &p.Value)
	case *ck.RSAPSSParams:
		codeNumber(c, &p.Hash)
		codeNumber(c, &p.MGF)
		codeNumber(c, &p.SaltLen)
	case *ck.CTRParams:
		block := p.Block[:]
		codeNumber(c, &p.Bits)
		codeBytes(c, &block)
		copy(p.Block[:], block)
	case *ck.GCMParams:
		codeBytes(c, &p.IV)
		codeBytes(c, &p.AAD)
		codeNumber(c, &p.TagBits)
	case *ck.CCMParams:
		codeNumber(c, &p.DataLen)
		codeNumber(c, &p.MACLen)
		codeBytes(c, &p.Nonce)
		codeBytes(c, &p.AAD)
	case *ck.ChaCha20Params:
		codeNumber(c, &p.Counter)
		codeBytes(c, &p.Nonce)
	case *ck.ChaCha20Poly1305Params:
		codeBytes(c, &p.Nonce)
		codeBytes(c, &p.AAD)
	case *ck.EdDSAParams:
		codeFlag(c, &p.PreHash)
		codeBytes(c, &p.Context)
	default:
		return false
	}
	return true
}

// emptyParams makes, for each kind that codeParam knows, one to read into.
var emptyParams = map[ck.ParamKind]func() any{
	ck.ParamBytes:            func() any { return new(ck.BytesParam) },
	ck.ParamUlong:            func() any { return new(ck.UlongParam) },
	ck.ParamRSAPSS:           func() any { return new(ck.RSAPSSParams) },
	ck.ParamAESCTR:           func() any { return new(ck.CTRParams) },
	ck.ParamGCM:              func() any { return new(ck.GCMParams) },
	ck.ParamCCM:              func() any { return new(ck.CCMParams) },
	ck.ParamChaCha20:         func() any { return new(ck.ChaCha20Params) },
	ck.ParamChaCha20Poly1305: func() any { return new(ck.ChaCha20Poly1305Params) },
	ck.ParamEdDSA:            func() any { return new(ck.EdDSAParams) },
}

// writeParam adds a parameter, nil included; false if it is of a kind that no
// saveable operation has.
func writeParam(b *cryptobyte.Builder, p any) bool {
	if p == nil {
		b.AddUint8(0)
		return true
	}
	b.AddUint8(1)
	return codeParam(&paramCoder{to: b}, p)
}

// readParam reads a parameter of the kind.
func readParam(s *cryptobyte.String, kind ck.ParamKind) (p any, ok bool) {
	var given uint8
	if !s.ReadUint8(&given) {
		return nil, false
	}
	if given == 0 {
		return nil, true
	}
	empty, known := emptyParams[kind]
	if !known {
		return nil, false
	}
	c := &paramCoder{from: *s}
	p = empty()
	ok = codeParam(c, p) && !c.bad
	*s = c.from
	return p, ok
}
