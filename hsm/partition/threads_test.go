package partition

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// TestThreads makes, changes, uses and destroys objects from many threads of two
// "processes" on one store, while others log in and out of a third. Under the
// race detector it is also the test of the locks.
func TestThreads(t *testing.T) {
	r := newRig(t)
	first, second, third := r.Partition, r.again(), r.again()
	shared := r.generate(r.login(ck.CKU_USER, userPIN), true, "shared")
	var wg sync.WaitGroup
	for i := range 8 {
		p := []*Partition{first, second}[i%2]
		who := loginTo(t, p, ck.CKU_USER, userPIN)
		who.Session = api.SessionID(i + 1)
		want, err := encrypt(p, who, shared)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for n := range 15 {
				if err := lifeOfAKey(p, who, fmt.Sprintf("%d/%d", i, n)); err != nil {
					t.Errorf("thread %d: %v", i, err)
					return
				}
				if got, err := encrypt(p, who, shared); err != nil || !bytes.Equal(got, want) {
					t.Errorf("thread %d: the shared key: %v", i, err)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			who := loginTo(t, third, ck.CKU_USER, userPIN)
			encrypt(third, who, shared)
			if err := third.Logout(who.Identity); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	for _, p := range []*Partition{first, second} {
		found, err := p.Find(loginTo(t, p, ck.CKU_USER, userPIN), secretKeys)
		if err != nil || len(found) != 1 {
			t.Errorf("%d keys at the end, want 1: %v", len(found), err)
		}
	}
}

func lifeOfAKey(p *Partition, who api.Caller, label string) error {
	for _, token := range []bool{true, false} {
		id, err := p.GenerateKey(who, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, aesTemplate(token, label))
		if err != nil {
			return err
		}
		if err := p.SetAttributes(who, id, ck.Template{ck.String(ck.CKA_LABEL, label+"'")}); err != nil {
			return err
		}
		found, err := p.Find(who, ck.Template{ck.String(ck.CKA_LABEL, label+"'")})
		if err != nil || len(found) != 1 {
			return fmt.Errorf("found %d by label: %w", len(found), err)
		}
		if _, err := encrypt(p, who, id); err != nil {
			return err
		}
		if err := p.DestroyObject(who, id); err != nil {
			return err
		}
	}
	return nil
}
