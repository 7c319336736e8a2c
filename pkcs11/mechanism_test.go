package main

import (
	"bytes"
	"reflect"
	"testing"
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// decode has v, a C structure or a slice, decoded as kind.
func decode[T any](kind ck.ParamKind, v *T) (any, error) {
	return decodeParam(kind, unsafe.Pointer(v), cUlong(unsafe.Sizeof(*v)))
}

func bytePointer(b []byte) *cByte { return (*cByte)(unsafe.Pointer(unsafe.SliceData(b))) }

// exampleParams are one C structure of each kind, as decodeParam is to see it,
// with the data that it points to; wipe overwrites what the caller may.
func exampleParams(data []byte) map[ck.ParamKind]struct {
	got  func() (any, error)
	want any
} {
	n := cUlong(len(data))
	copied := func() []byte { return bytes.Clone(data) }
	oaep := cOAEPParams{hashAlg: cUlong(ck.CKM_SHA256), mgf: cUlong(ck.CKG_MGF1_SHA1), source: 1, pSourceData: pointer(&data[0]), ulSourceDataLen: n}
	wantOAEP := ck.RSAOAEPParams{Hash: ck.CKM_SHA256, MGF: ck.CKG_MGF1_SHA1, Source: 1, Label: copied()}
	ulong := cUlong(5)
	pss := cPSSParams{hashAlg: cUlong(ck.CKM_SHA384), mgf: cUlong(ck.CKG_MGF1_SHA384), sLen: 48}
	ecdh := cECDH1Params{kdf: cUlong(ck.CKD_NULL), pPublicData: bytePointer(data), ulPublicDataLen: n}
	ctr := cCTRParams{ulCounterBits: 32}
	ctr.cb[15] = 7
	gcm := cGCMParams{pIv: bytePointer(data), ulIvLen: n, ulIvBits: 12345, ulTagBits: 96}
	eddsa := cEdDSAParams{phFlag: 2, pContextData: bytePointer(data), ulContextDataLen: n}
	wrap := cRSAAESParams{ulAESKeyBits: 256, pOAEPParams: &oaep}
	key := cKeyData{pData: bytePointer(data), ulLen: n}
	cbc := cCBCData{pData: bytePointer(data), length: n}
	cbc.iv[0] = 9
	ccm := cCCMParams{ulDataLen: 77, pNonce: bytePointer(data), ulNonceLen: n, pAAD: bytePointer(data[1:]), ulAADLen: n - 1, ulMACLen: 8}
	chacha := cChaChaParams{pBlockCounter: bytePointer(data), blockCounterBits: 32, pNonce: bytePointer(data), ulNonceBits: 8 * n}
	nonce := make([]byte, 12)
	poly := cChaChaPolyParams{pNonce: bytePointer(nonce), ulNonceLen: 96, pAAD: bytePointer(data), ulAADLen: n}

	hkdf := cHKDFParams{bExtract: 1, bExpand: 2, prfHashMechanism: cUlong(ck.CKM_SHA384), ulSaltType: cUlong(ck.CKF_HKDF_SALT_DATA),
		pSalt: bytePointer(data), ulSaltLen: n, hSaltKey: 9, pInfo: bytePointer(data[1:]), ulInfoLen: n - 1}

	type example = struct {
		got  func() (any, error)
		want any
	}
	return map[ck.ParamKind]example{
		ck.ParamNone:          {func() (any, error) { return decodeParam(ck.ParamNone, unsafe.Pointer(&data[0]), 0) }, nil},
		ck.ParamBytes:         {func() (any, error) { return decodeParam(ck.ParamBytes, unsafe.Pointer(&data[0]), n) }, &ck.BytesParam{Bytes: copied()}},
		ck.ParamOptionalBytes: {func() (any, error) { return decodeParam(ck.ParamOptionalBytes, unsafe.Pointer(&data[0]), n) }, &ck.BytesParam{Bytes: copied()}},
		ck.ParamUlong:         {func() (any, error) { return decode(ck.ParamUlong, &ulong) }, &ck.UlongParam{Value: 5}},
		ck.ParamRSAPSS:        {func() (any, error) { return decode(ck.ParamRSAPSS, &pss) }, &ck.RSAPSSParams{Hash: ck.CKM_SHA384, MGF: ck.CKG_MGF1_SHA384, SaltLen: 48}},
		ck.ParamRSAOAEP:       {func() (any, error) { return decode(ck.ParamRSAOAEP, &oaep) }, &wantOAEP},
		ck.ParamECDH1:         {func() (any, error) { return decode(ck.ParamECDH1, &ecdh) }, &ck.ECDH1Params{KDF: ck.CKD_NULL, SharedData: []byte{}, PublicData: copied()}},
		ck.ParamAESCTR:        {func() (any, error) { return decode(ck.ParamAESCTR, &ctr) }, &ck.CTRParams{Bits: 32, Block: [16]byte{15: 7}}},
		ck.ParamGCM:           {func() (any, error) { return decode(ck.ParamGCM, &gcm) }, &ck.GCMParams{IV: copied(), AAD: []byte{}, TagBits: 96}},
		ck.ParamEdDSA:         {func() (any, error) { return decode(ck.ParamEdDSA, &eddsa) }, &ck.EdDSAParams{PreHash: true, Context: copied()}},
		ck.ParamRSAAESWrap:    {func() (any, error) { return decode(ck.ParamRSAAESWrap, &wrap) }, &ck.RSAAESWrapParams{AESBits: 256, OAEP: wantOAEP}},
		ck.ParamKeyData:       {func() (any, error) { return decode(ck.ParamKeyData, &key) }, &ck.BytesParam{Bytes: copied()}},
		ck.ParamCBCEncryptData: {func() (any, error) { return decode(ck.ParamCBCEncryptData, &cbc) }, &ck.CBCEncryptDataParams{
			IV: [16]byte{9}, Data: copied()}},
		ck.ParamCCM: {func() (any, error) { return decode(ck.ParamCCM, &ccm) }, &ck.CCMParams{
			DataLen: 77, MACLen: 8, Nonce: copied(), AAD: copied()[1:]}},
		ck.ParamChaCha20:         {func() (any, error) { return decode(ck.ParamChaCha20, &chacha) }, &ck.ChaCha20Params{Counter: 0x04030201, Nonce: copied()}},
		ck.ParamChaCha20Poly1305: {func() (any, error) { return decode(ck.ParamChaCha20Poly1305, &poly) }, &ck.ChaCha20Poly1305Params{Nonce: bytes.Clone(nonce), AAD: copied()}},
		ck.ParamHKDF: {func() (any, error) { return decode(ck.ParamHKDF, &hkdf) }, &ck.HKDFParams{
			Extract: true, Expand: true, Hash: ck.CKM_SHA384, SaltType: ck.CKF_HKDF_SALT_DATA, Salt: copied(), SaltKey: 9, Info: copied()[1:]}},
	}
}

func TestDecodeParam(t *testing.T) {
	data := []byte{1, 2, 3, 4, 5}
	examples := exampleParams(data)
	if len(examples) != len(paramDecoders) {
		t.Errorf("%d examples for %d kinds", len(examples), len(paramDecoders))
	}
	for kind, e := range examples {
		got, err := e.got()
		if err != nil || !reflect.DeepEqual(got, e.want) {
			t.Errorf("kind %d: %+v, %v; want %+v", kind, got, err, e.want)
		}
		clear(data) // the caller may; the copy must not notice
		if !reflect.DeepEqual(got, e.want) {
			t.Errorf("kind %d is not a deep copy", kind)
		}
		copy(data, []byte{1, 2, 3, 4, 5})
	}
}

// Only a length of its own structure will do for any kind but bytes.
func TestDecodeParamLengths(t *testing.T) {
	mem := make([]byte, 256) // all NULL inside
	sizes := map[ck.ParamKind][]uintptr{
		ck.ParamNone:             {0},
		ck.ParamUlong:            {8},
		ck.ParamRSAPSS:           {24},
		ck.ParamRSAOAEP:          {40},
		ck.ParamECDH1:            {40},
		ck.ParamAESCTR:           {24},
		ck.ParamGCM:              {40, 48},
		ck.ParamEdDSA:            {0, 24},
		ck.ParamRSAAESWrap:       {}, // NULL inside
		ck.ParamKeyData:          {16},
		ck.ParamCBCEncryptData:   {32},
		ck.ParamCCM:              {48},
		ck.ParamChaCha20:         {}, // a counter of no bits inside
		ck.ParamChaCha20Poly1305: {}, // a nonce of no bytes inside
		ck.ParamHKDF:             {64},
	}
	for kind, good := range sizes {
		for n := range uintptr(72) {
			ok := false
			for _, g := range good {
				ok = ok || g == n
			}
			if _, err := decodeParam(kind, unsafe.Pointer(&mem[0]), cUlong(n)); (err == nil) != ok || !ok && err != errParam {
				t.Errorf("kind %d, %d bytes: %v", kind, n, err)
			}
		}
	}
	for kind := range paramDecoders {
		for _, n := range []cUlong{1, 24, unavailable, 1 << 63, maxCopy + 1} {
			if _, err := decodeParam(ck.ParamKind(kind), nil, n); err != errParam {
				t.Errorf("kind %d, NULL of %d bytes: %v", kind, n, err)
			}
		}
		if _, err := decodeParam(ck.ParamKind(kind), unsafe.Pointer(&mem[0]), unavailable); err != errParam {
			t.Errorf("kind %d, unavailable: %v", kind, err)
		}
	}
	if _, err := decodeParam(ck.ParamKind(len(paramDecoders)), nil, 0); err != ck.CKR_MECHANISM_INVALID {
		t.Errorf("a kind without decoder: %v", err)
	}
}

// TestDecodeParamInside hands in NULL and wild lengths one level down.
func TestDecodeParamInside(t *testing.T) {
	b := []byte{1}
	p := bytePointer(b)
	for _, n := range []cUlong{unavailable, 1 << 63, 1 << 47, maxCopy + 1} {
		refuse := func(what string, got any, err error) {
			t.Helper()
			if err != errParam {
				t.Errorf("%s of %d bytes: %v, %v", what, n, got, err)
			}
		}
		for _, p := range []*cByte{nil, p} {
			got, err := decode(ck.ParamGCM, &cGCMParams{pIv: p, ulIvLen: n})
			refuse("IV", got, err)
			got, err = decode(ck.ParamGCM, &cGCMParamsShort{pAAD: p, ulAADLen: n})
			refuse("AAD", got, err)
			got, err = decode(ck.ParamECDH1, &cECDH1Params{pSharedData: p, ulSharedDataLen: n})
			refuse("shared data", got, err)
			got, err = decode(ck.ParamECDH1, &cECDH1Params{pPublicData: p, ulPublicDataLen: n})
			refuse("public data", got, err)
			got, err = decode(ck.ParamEdDSA, &cEdDSAParams{pContextData: p, ulContextDataLen: n})
			refuse("context", got, err)
			got, err = decode(ck.ParamKeyData, &cKeyData{pData: p, ulLen: n})
			refuse("key data", got, err)
			got, err = decode(ck.ParamCBCEncryptData, &cCBCData{pData: p, length: n})
			refuse("CBC data", got, err)
			got, err = decode(ck.ParamHKDF, &cHKDFParams{ulSaltType: cUlong(ck.CKF_HKDF_SALT_DATA), pSalt: p, ulSaltLen: n})
			refuse("salt", got, err)
			got, err = decode(ck.ParamHKDF, &cHKDFParams{ulSaltType: cUlong(ck.CKF_HKDF_SALT_NULL), pInfo: p, ulInfoLen: n})
			refuse("info", got, err)
			oaep := cOAEPParams{pSourceData: cPointer(unsafe.Pointer(p)), ulSourceDataLen: n}
			got, err = decode(ck.ParamRSAOAEP, &oaep)
			refuse("label", got, err)
			got, err = decode(ck.ParamRSAAESWrap, &cRSAAESParams{pOAEPParams: &oaep})
			refuse("label two levels down", got, err)
		}
	}
	if _, err := decode(ck.ParamGCM, &cGCMParams{ulIvLen: 1}); err != errParam {
		t.Errorf("NULL IV of one byte: %v", err)
	}
}

func TestDecodeGCMLayouts(t *testing.T) {
	for _, size := range []int{1, 12, 16, roomBytes + 1, 4096} {
		iv, aad := bytes.Repeat([]byte{7}, size), bytes.Repeat([]byte{8}, 20)
		long, err := decode(ck.ParamGCM, &cGCMParams{pIv: bytePointer(iv), ulIvLen: cUlong(size), ulIvBits: unavailable,
			pAAD: bytePointer(aad), ulAADLen: 20, ulTagBits: 128})
		if err != nil {
			t.Fatal(err)
		}
		short, err := decode(ck.ParamGCM, &cGCMParamsShort{pIv: bytePointer(iv), ulIvLen: cUlong(size),
			pAAD: bytePointer(aad), ulAADLen: 20, ulTagBits: 128})
		if err != nil {
			t.Fatal(err)
		}
		want := &ck.GCMParams{IV: iv, AAD: aad, TagBits: 128}
		if !reflect.DeepEqual(long, want) || !reflect.DeepEqual(short, want) {
			t.Errorf("IV of %d bytes: %v and %v", size, long, short)
		}
		// One must not grow into the other.
		if g := long.(*ck.GCMParams); cap(g.IV) != size || cap(g.AAD) != 20 {
			t.Errorf("IV of %d bytes: capacities %d, %d", size, cap(g.IV), cap(g.AAD))
		}
	}
}

func TestMechanism(t *testing.T) {
	start(t)
	app := current.Load()
	if _, err := mechanism(app, nil); err != ck.CKR_ARGUMENTS_BAD {
		t.Errorf("NULL: %v", err)
	}
	if m, err := optionalMechanism(app, nil); m != nil || err != nil {
		t.Errorf("NULL where it may be: %v, %v", m, err)
	}
	if _, err := mechanism(app, &cMechanism{mechanism: unavailable}); err != ck.CKR_MECHANISM_INVALID {
		t.Errorf("unknown: %v", err)
	}
	m, err := mechanism(app, &cMechanism{mechanism: cUlong(ck.CKM_SHA256)})
	if err != nil || m.Type != ck.CKM_SHA256 || m.Param != nil {
		t.Errorf("without parameter: %v, %v", m, err)
	}
	gcm := cGCMParams{pIv: bytePointer([]byte("nonce")), ulIvLen: 5}
	m, err = mechanism(app, &cMechanism{mechanism: cUlong(ck.CKM_AES_GCM), pParameter: pointer(&gcm), ulParameterLen: 48})
	if err != nil || string(m.Param.(*ck.GCMParams).IV) != "nonce" {
		t.Errorf("with parameter: %v, %v", m, err)
	}
}
