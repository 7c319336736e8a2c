package testvectors

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"testing"
)

func TestRawSignature(t *testing.T) {
	for _, tt := range []struct{ name, der, raw, reason string }{
		{"small", "3006020101020102", "00010002", ""},
		{"zero", "3006020100020102", "00000002", ""},
		{"high bit", "30070202008002017f", "0080007f", ""},
		{"longer than the curve", "300802030100000201" + "01", "010000000001", ""},
		{"negative", "3006020181020102", "", "negative number in the signature"},
		{"not minimal", "300702020001020102", "", "signature is not DER"},
		{"long length", "308106020101020102", "", "signature is not DER"},
		{"three numbers", "3009020101020102020103", "", "signature is not DER"},
		{"rest", "300602010102010200", "", "signature is not DER"},
		{"nothing", "", "", "signature is not DER"},
	} {
		raw, reason := rawSignature(bytesOf(t, tt.der), 2)
		if hex.EncodeToString(raw) != tt.raw || reason != tt.reason {
			t.Errorf("%s: %x, %q", tt.name, raw, reason)
		}
	}
}

// TestDigestInfo holds the encoding to the prefix of RFC 8017, section 9.2, note 1.
func TestDigestInfo(t *testing.T) {
	h := hashes["SHA-256"]
	want := append(bytesOf(t, "3031300d060960864801650304020105000420"), h.sum(nil)...)
	info := h.digestInfo(nil)
	if !bytes.Equal(info, want) {
		t.Errorf("%x", info)
	}
	em := encodePKCS1(info, 64)
	if !bytes.HasPrefix(em, []byte{0, 1, 0xff}) || !bytes.Equal(em[64-len(info)-1:], append([]byte{0}, info...)) {
		t.Errorf("%x", em)
	}
}

// Keys of RFC 8410, section 10, and of RFC 8037, appendix A.6.
const (
	pkcs8Text  = "302e020100300506032b656e04220420" + "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
	spkiText   = "302a300506032b656e032100" + "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
	keyText    = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
	jwkXText   = `{"kty":"OKP","crv":"X25519","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}`
	jwkOfOther = `{"kty":"EC","crv":"X25519","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}`
)

func quoted(text string) json.RawMessage { return json.RawMessage(`"` + text + `"`) }

func TestKeyFormats(t *testing.T) {
	value, err := formatXDHASN.private(quoted(pkcs8Text))
	if err != nil || hex.EncodeToString(value) != keyText {
		t.Errorf("PKCS #8: %x, %v", value, err)
	}
	for name, read := range map[string]func() (publicKey, error){
		"SPKI": func() (publicKey, error) { return formatXDHASN.public(quoted(spkiText)) },
		"JWK":  func() (publicKey, error) { return formatJWK.public(json.RawMessage(jwkXText)) },
	} {
		key, err := read()
		if err != nil || hex.EncodeToString(key.point) != keyText || !bytes.Equal(key.params, curves["X25519"].params()) {
			t.Errorf("%s: %x, %v", name, key, err)
		}
	}
}

func TestKeyFormatsRefuse(t *testing.T) {
	for _, tt := range []struct {
		name   string
		format format
		text   json.RawMessage
		want   error
	}{
		{"not hex", formatASN, quoted("xx"), errNotText},
		{"not text", formatASN, json.RawMessage(`{}`), errNotText},
		{"not DER", formatASN, quoted("3000"), errNotDER},
		{"with a rest", formatASN, quoted(spkiText + "00"), errNotDER},
		{"RSA", formatASN, quoted("30143009" + "06072a864886f70d01" + "03070002000102030400"), errNotDER},
		{"not PEM", formatPEM, quoted("-----BEGIN"), errNotText},
		{"not JSON", formatJWK, quoted("x"), errNotText},
		{"other type", formatJWK, json.RawMessage(jwkOfOther), errNotEC},
		{"other curve", formatJWK, json.RawMessage(`{"kty":"EC","crv":"P-192"}`), errNotEC},
	} {
		if _, err := tt.format.public(tt.text); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, not %v", tt.name, err, tt.want)
		}
	}
}
