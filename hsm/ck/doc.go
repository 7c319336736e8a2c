// Package ck is the vocabulary of PKCS #11 3.2 as Go types: mechanisms,
// attributes, key types, object classes and return values. It has no
// behaviour beyond printing, comparing and encoding them.
//
// Names are the standard's own (CKM_AES_GCM, CKR_PIN_LOCKED), so that what one
// reads in the standard is what one finds here. The constants are generated
// from spec/constants.tsv.
package ck

//go:generate go run ./gen .
