package partition

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// crowd is a partition on disk with n AES keys, and one public data object among them,
// to find by its class.
type crowd struct {
	*rig
	dir string
	ids []api.ObjectID
}

func label(i int) string { return fmt.Sprintf("key number %06d", i) }

func keyID(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }

func newCrowd(t testing.TB, n int) *crowd {
	t.Helper()
	dir := t.TempDir() + "/store"
	st, err := store.CreateFile(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{rig: newRigOn(t, st, Options{}), dir: dir}
	user := c.login(ck.CKU_USER, userPIN)
	c.data(user, 2)
	c.grow(user, n)
	if err := c.Logout(user.Identity); err != nil {
		t.Fatal(err)
	}
	return c
}

// grow makes n more keys, many in one transaction.
func (c *crowd) grow(who api.Caller, n int) {
	c.t.Helper()
	const batch = 2000
	for n > 0 {
		var pairs []pair
		for range min(n, batch) {
			pairs = append(pairs, c.another(len(c.ids)))
			c.ids = append(c.ids, pairs[len(pairs)-1].object.ID())
		}
		n -= len(pairs)
		if err := c.insert(who, pairs...); err != nil {
			c.t.Fatal(err)
		}
	}
}

// another makes the object of a key, as GenerateKey does.
func (c *crowd) another(i int) pair {
	c.t.Helper()
	tmpl := append(aesTemplate(true, label(i)), ck.Bytes(ck.CKA_ID, keyID(i)))
	m, err := mechanismOf(&ck.Mechanism{Type: ck.CKM_AES_KEY_GEN})
	if err != nil {
		c.t.Fatal(err)
	}
	made, err := m.GenerateKey(&ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, tmpl)
	if err != nil {
		c.t.Fatal(err)
	}
	o, material, err := object.New(object.Request{
		Origin: object.Generated, Mechanism: ck.CKM_AES_KEY_GEN, Template: tmpl, Made: made,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return pair{o, material}
}

// cold opens the partition as a new process would.
func (c *crowd) cold() *Partition {
	c.t.Helper()
	st, err := store.OpenFile(c.dir, store.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	p, err := Open(st, c.root, Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

// searches are the ways that clients look for one object; each has one answer.
func (c *crowd) searches() map[string]ck.Template {
	i := len(c.ids) / 2
	return map[string]ck.Template{
		"label":     {ck.String(ck.CKA_LABEL, label(i))},
		"ID":        {ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Bytes(ck.CKA_ID, keyID(i))},
		"class":     {ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA), ck.Bool(ck.CKA_PRIVATE, false)},
		"UNIQUE_ID": {ck.String(ck.CKA_UNIQUE_ID, fmt.Sprintf("%x", c.ids[i]))},
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func fastest(n int, f func()) time.Duration {
	var times []time.Duration
	for range n {
		start := time.Now()
		f()
		times = append(times, time.Since(start))
	}
	return slices.Min(times)
}

func crowdSize() int {
	if os.Getenv("COFFER_SOAK") != "" {
		return 100_000
	}
	return 20_000
}

func TestScale(t *testing.T) {
	n := crowdSize()
	start := time.Now()
	c := newCrowd(t, n)
	t.Logf("made %d in %v", n, time.Since(start))
	before := heap()
	start = time.Now()
	p := c.cold()
	t.Logf("opened in %v", time.Since(start))
	t.Logf("%d bytes a key before login", (heap()-before)/uint64(n))
	start = time.Now()
	user := loginTo(t, p, ck.CKU_USER, userPIN)
	t.Logf("logged in in %v", time.Since(start))
	t.Logf("%d bytes a key", (heap()-before)/uint64(n))
	for what, tmpl := range c.searches() {
		d := fastest(20, func() {
			if found, err := p.Find(user, tmpl); err != nil || len(found) != 1 {
				t.Fatalf("%s: %d, %v", what, len(found), err)
			}
		})
		t.Logf("%s: %v", what, d)
	}
	for _, tmpl := range []ck.Template{nil, secretKeys, {ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES)}} {
		t.Logf("all: %v", fastest(5, func() { p.Find(user, tmpl) }))
	}
	t.Logf("Info: %v", fastest(5, func() { p.Info() }))
	t.Logf("Logout: %v", fastest(1, func() { p.Logout(user.Identity) }))
	runtime.KeepAlive(p)
}
