package shamir

// mul is the product in GF(256), the field of AES: polynomials over GF(2) modulo
// x^8 + x^4 + x^3 + x + 1 (FIPS 197, section 4.2). It does the same whatever the
// factors are: no tables, no branches.
func mul(a, b byte) byte {
	var p byte
	for range 8 {
		p ^= -(b & 1) & a
		a = a<<1 ^ -(a>>7)&0x1b
		b >>= 1
	}
	return p
}

// inverse is 1/a, as a^254 (a^255 is 1 for all but 0); that of 0 is 0.
func inverse(a byte) byte {
	square := mul(a, a) // a^2
	out := square
	for range 6 { // a^(2+4+...+128)
		square = mul(square, square)
		out = mul(out, square)
	}
	return out
}
