package partition

import (
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// committing is a store in which a commit of another process seems to be under way.
type committing struct {
	*meanwhile
	commit, unique uint64 // none under way if commit is 0
}

func (c *committing) Generation() uint64 {
	if c.commit == 0 {
		return c.Store.Generation()
	}
	c.unique++
	return 1<<63 | c.commit<<32 | c.unique
}

// TestGlance: while another process commits, the store is looked at once in a while,
// but at once when the commit has ended, or another one has begun.
func TestGlance(t *testing.T) {
	r := newRig(t)
	c := &committing{meanwhile: &meanwhile{Store: r.store}}
	p, err := Open(c, r.root, Options{KDF: cheap})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name   string
		commit uint64
		wait   time.Duration
		looks  int // at least one more than these is too many of 1000 calls
	}{
		{"nobody", 0, 0, 0},
		{"a commit", 1, 0, 1},
		{"the same", 1, 0, 0},
		{"the same, later", 1, 2 * lookAgain, 1},
		{"another", 2, 0, 1},
		{"its end", 0, 0, 1},
	} {
		time.Sleep(step.wait)
		c.commit, c.n = step.commit, 0
		begun := time.Now()
		if err := p.sync(); err != nil {
			t.Fatal(err)
		}
		if time.Since(begun) < lookAgain/2 && c.n != step.looks {
			t.Errorf("%s: looked %d times, want %d", step.name, c.n, step.looks)
		}
		begun = time.Now()
		for range 1000 {
			p.sync()
		}
		if most := step.looks + 1 + int(time.Since(begun)/lookAgain); c.n > most {
			t.Errorf("%s: looked %d times in 1000 calls", step.name, c.n)
		}
	}
}

// TestGlanceOwn: what a process has committed it sees, whoever commits next.
func TestGlanceOwn(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	c := &committing{meanwhile: &meanwhile{Store: r.store}, commit: 5}
	r.Partition.store = c
	for range 20 {
		id, err := r.GenerateKey(user, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, aesTemplate(true, "k"))
		if err != nil {
			t.Fatal(err)
		}
		c.commit += 2 // its own commit has counted up
		if !r.Exists(user, id) {
			t.Fatal("a key that was made is not there")
		}
	}
}

// BenchmarkBesideWriter encrypts a block while somebody else makes one key after another.
func BenchmarkBesideWriter(b *testing.B) {
	c := newCrowd(b, 10)
	p := c.cold()
	user := loginTo(b, p, ck.CKU_USER, userPIN)
	st, err := store.OpenFile(c.dir, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	other, err := Open(st, c.root, Options{KDF: cheap})
	if err != nil {
		b.Fatal(err)
	}
	theirs := loginTo(b, other, ck.CKU_USER, userPIN)
	stop, stopped := make(chan bool), make(chan bool)
	made := 0
	go func() {
		defer close(stopped)
		for ; ; made++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := other.GenerateKey(theirs, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, aesTemplate(true, "k")); err != nil {
				b.Error(err)
				return
			}
		}
	}()
	for b.Loop() {
		if _, err := encrypt(p, user, c.ids[0]); err != nil {
			b.Fatal(err)
		}
	}
	close(stop)
	<-stopped
	b.ReportMetric(float64(made)/b.Elapsed().Seconds(), "keys/s")
}
