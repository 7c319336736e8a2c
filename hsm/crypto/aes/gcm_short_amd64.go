//go:build !purego

package aes

// A short message is done in one go: a call of the assembly that encrypts, hashes and
// makes the tag or compares it. It is for IVs of the standard size.

// maxShortData is how much additional data fits in: with a text of maxShort bytes and the
// block of lengths, that is as many blocks as there are powers of H.
const maxShortData = 240

// shortData is the additional data of a short message.
type shortData struct {
	y      element // the hash of what was too much
	hashed int     // bytes of that, whole blocks
	rest   []byte
}

// hashAhead takes in what is too much, and leaves something. d is zero before: to fill it
// in place takes a fraction of what a copy does.
func (a *aead) hashAhead(d *shortData, aad []byte) {
	if len(aad) <= maxShortData {
		d.rest = aad
		return
	}
	r := gcmRun{powers: a.powers}
	n := (len(aad) - 1) / blockSize * blockSize
	r.update(aad[:n])
	d.y, d.hashed, d.rest = r.y, n, aad[n:]
}

// pointer is where b begins. If it is empty that is anywhere that can be read, which
// takes the processor less time than an address that cannot.
func pointer(b, other []byte) *byte {
	if len(b) == 0 {
		b = other
	}
	return &b[0]
}

// sealShort is Seal, with the tag behind the text in out.
func (a *aead) sealShort(out, iv, plain, aad []byte) {
	var d shortData
	a.hashAhead(&d, aad)
	n := len(plain)
	sealShort(&a.key.encrypt, a.powers, &iv[0], &d.y, d.hashed, pointer(d.rest, iv), len(d.rest),
		&out[0], pointer(plain, iv), n, &out[n], a.tagSize)
}

// openShort is Open, with the tag behind the text in sealed, and returns whether the tag
// is right. If it is not, out is left as it was.
func (a *aead) openShort(out, iv, sealed, aad []byte) bool {
	var d shortData
	a.hashAhead(&d, aad)
	n := len(out)
	return openShort(&a.key.encrypt, a.powers, &iv[0], &d.y, d.hashed, pointer(d.rest, iv), len(d.rest),
		pointer(out, iv), &sealed[0], n, &sealed[n], a.tagSize)
}
