package seal

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// TestAuditKey: the key is that of its partition alone, signs what its public half
// accepts, and is the same in every version of this program.
func TestAuditKey(t *testing.T) {
	root, err := NewRoot(secret.From(bytes.Repeat([]byte{7}, KeySize)))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, id := range []byte{1, 2} {
		public, err := root.Partition([16]byte{id}).AuditKey().Public()
		if err != nil {
			t.Fatal(err)
		}
		seen[hex.EncodeToString(public)] = true
	}
	own, err := NewPartitionRoot([16]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	key := own.AuditKey()
	public, err := key.Public()
	if err != nil {
		t.Fatal(err)
	}
	seen[hex.EncodeToString(public)] = true
	if len(seen) != 3 {
		t.Fatalf("keys are shared: %v", seen)
	}
	const known = "cb5fa770c9959723b8606ea89476a87c1c1d17d4b45e8846fdc38a0c23b92d39"
	if !seen[known] {
		t.Errorf("the key of a known partition changed: %v", seen)
	}
	message := []byte("a checkpoint")
	signature, err := key.Sign(message)
	if err != nil || !ed25519.Verify(public, message, signature) {
		t.Fatalf("signature not accepted: %v", err)
	}
	own.Zero()
	if _, err := key.Sign(message); err == nil {
		t.Fatal("a wiped key signs")
	}
}
