// Package shamir splits a secret into shares, so many of which give it back and
// one less tell nothing of it (A. Shamir, How to share a secret, 1979). Each byte
// is the value at 0 of a polynomial over GF(256) of its own; a share has the values
// at its number.
//
// Shares are not authenticated: one that was changed gives another secret, and no
// error. Whoever hands them out adds what tells (package share).
//
// What it does with secrets takes the same time whatever they are. The numbers of
// shares are not secret.
//
// Each function also returns the error of fips.Failed if the module is in the error
// state.
package shamir

import (
	"crypto/rand"
	"errors"
)

// MaxShares is the most shares there are: numbers are the elements of the field but 0.
const MaxShares = 255

// Errors of this package.
var (
	ErrCount   = errors.New("shamir: not 1 to all of at most 255 shares")
	ErrNumbers = errors.New("shamir: numbers of shares are 1 to 255, each once")
	ErrLength  = errors.New("shamir: shares are of different lengths")
)

// Split fills shares, each as long as the secret; any needed of them give it back.
// That at index i has the number i+1. ErrCount, ErrLength.
func Split(secret []byte, needed int, shares [][]byte) error {
	if err := selfTest.Ready(); err != nil {
		return err
	}
	if needed < 1 || needed > len(shares) || len(shares) > MaxShares {
		return ErrCount
	}
	for _, s := range shares {
		if len(s) != len(secret) {
			return ErrLength
		}
	}
	// The coefficients from that of x upwards, all of them random: a highest one of 0
	// must be as likely as any, or some secrets were less so than others.
	polynomial := make([]byte, needed)
	defer clear(polynomial)
	for i, b := range secret {
		rand.Read(polynomial) // never fails
		polynomial[0] = b
		for j, s := range shares {
			s[i] = evaluate(polynomial, byte(j+1))
		}
	}
	return nil
}

// evaluate is the value of a polynomial at x, by Horner's rule. The constant
// coefficient comes first.
func evaluate(polynomial []byte, x byte) (y byte) {
	for i := len(polynomial) - 1; i >= 0; i-- {
		y = mul(y, x) ^ polynomial[i]
	}
	return y
}

// Join puts the secret that shares with these numbers give into secret, which is as
// long as each of them. There must be as many as were needed; of more, all are used.
// ErrCount, ErrNumbers, ErrLength.
func Join(secret, numbers []byte, shares [][]byte) error {
	if err := selfTest.Ready(); err != nil {
		return err
	}
	return join(secret, numbers, shares)
}

// join interpolates at 0, as Lagrange has it.
func join(secret, numbers []byte, shares [][]byte) error {
	if len(shares) == 0 || len(shares) != len(numbers) {
		return ErrCount
	}
	if !distinct(numbers) {
		return ErrNumbers
	}
	for _, s := range shares {
		if len(s) != len(secret) {
			return ErrLength
		}
	}
	clear(secret)
	for i, s := range shares {
		w := weight(numbers, i)
		for j, y := range s {
			secret[j] ^= mul(w, y)
		}
	}
	return nil
}

// weight is the value at 0 of the polynomial that is 1 at number i and 0 at the
// others: the product of x/(x - number i) over the others x. Minus is exclusive or.
func weight(numbers []byte, i int) byte {
	w := byte(1)
	for j, x := range numbers {
		if j != i {
			w = mul(w, mul(x, inverse(x^numbers[i])))
		}
	}
	return w
}

func distinct(numbers []byte) bool {
	var seen [MaxShares + 1]bool
	for _, x := range numbers {
		if x == 0 || seen[x] {
			return false
		}
		seen[x] = true
	}
	return true
}
