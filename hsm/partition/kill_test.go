package partition

import (
	"bufio"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/soak"
	"github.com/coffer-hsm/coffer/hsm/store"
	"github.com/coffer-hsm/coffer/hsm/store/storetest"
)

// The test program runs itself again as this.
var children = map[string]func(args []string) error{"guess": guesser, "approved": approvedChild}

func TestMain(m *testing.M) { storetest.Main(m, children) }

// openDir opens the partition in a directory.
func openDir(dir string, o Options) (*Partition, error) {
	st, err := store.OpenFile(dir, store.Options{})
	if err != nil {
		return nil, err
	}
	root, err := rootOfTests()
	if err != nil {
		return nil, err
	}
	return Open(st, root, o)
}

// guesser guesses at the PIN of the partition in a directory, until it is killed.
func guesser(args []string) error {
	p, err := openDir(args[0], Options{})
	if err != nil {
		return err
	}
	for {
		_, err := p.Login(ck.CKU_USER, []byte("a guess"))
		fmt.Println(uint32(ck.Code(err)))
		if ck.Code(err) != ck.CKR_PIN_INCORRECT {
			time.Sleep(time.Hour)
		}
	}
}

// TestKilledGuesses: who guesses at a PIN in processes that are killed at any moment has
// no more guesses than others, neither until the PIN is locked nor until it is held
// back.
func TestKilledGuesses(t *testing.T) {
	for _, c := range []struct {
		name   string
		limit  int // guesses until the PIN is refused
		policy api.PINPolicy
	}{
		{"locked", 20, api.PINPolicy{MinLength: 4, MaxLength: 255, Tries: 20}},
		{"held back", 3, api.PINPolicy{MinLength: 4, MaxLength: 255, Tries: 20, DelayAfter: 3, Delay: 15 * time.Minute}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, random := newGuessed(t, c.policy), soak.Random(t)
			for range soak.Or(250, 6) {
				g.round(time.Duration(random.IntN(40)) * time.Millisecond)
				if g.used >= c.limit { // a PIN that is refused is not guessed at
					g.finish(c.limit)
					g = newGuessed(t, c.policy)
				}
			}
			g.finish(c.limit)
		})
	}
}

// guessed is a partition at whose user PIN others guess.
type guessed struct {
	*rig
	dir      string
	answered int // guesses that were told to be wrong
	cutOff   int // by a kill
	used     int // as written down
}

func newGuessed(t *testing.T, policy api.PINPolicy) *guessed {
	t.Helper()
	dir := t.TempDir() + "/store"
	st, err := store.CreateFile(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := &guessed{rig: newRigOn(t, st, Options{}), dir: dir}
	if err := g.SetPINPolicy(g.login(ck.CKU_SO, soPIN), policy); err != nil {
		t.Fatal(err)
	}
	return g
}

// round lets a process guess, and kills it some time after its first answer or so.
func (g *guessed) round(after time.Duration) {
	g.t.Helper()
	cmd := storetest.Child("guess", g.dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	for begun := time.Now(); g.tries() == g.used && time.Since(begun) < time.Second; { // it is at work, or refused
		time.Sleep(time.Millisecond)
	}
	time.Sleep(after)
	cmd.Process.Kill()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == fmt.Sprint(uint32(ck.CKR_PIN_INCORRECT)) {
			g.answered++
		}
	}
	cmd.Wait()
	now := g.tries()
	if now < g.used || now < g.answered {
		g.t.Fatalf("%d tries are written down; there were %d, and %d answers", now, g.used, g.answered)
	}
	g.used = now
	g.age()
}

// record reads what is written down of the user's PIN.
func (g *guessed) record() (a auth) {
	g.t.Helper()
	err := g.store.View(func(tx store.Tx) (err error) { a, err = g.readAuth(tx, accountUser); return err })
	if err != nil {
		g.t.Fatal(err)
	}
	return a
}

func (g *guessed) tries() int {
	a := g.record()
	return a.Failures + len(a.Pending)
}

// age lets the time pass after which a try is known to have been cut off.
func (g *guessed) age() {
	g.t.Helper()
	err := g.update(func(w *writer) error {
		a, err := g.readAuth(w.tx, accountUser)
		if err != nil {
			return err
		}
		for i := range a.Pending {
			a.Pending[i].At = a.Pending[i].At.Add(-tryLife)
		}
		return w.putAuth(accountUser, a)
	})
	if err != nil {
		g.t.Fatal(err)
	}
}

// finish guesses until the PIN is refused, the right one too.
func (g *guessed) finish(limit int) {
	g.t.Helper()
	g.age()
	a := g.record()
	g.cutOff = len(a.Pending)
	for {
		_, err := g.Login(ck.CKU_USER, []byte("a guess"))
		if !slices.Contains([]ck.RV{ck.CKR_PIN_INCORRECT, ck.CKR_PIN_LOCKED}, ck.Code(err)) {
			g.t.Fatal(err)
		}
		if ck.Code(err) == ck.CKR_PIN_LOCKED {
			break
		}
		g.answered++
	}
	expect(g.t, "the right PIN", second(g.Login(ck.CKU_USER, userPIN)), ck.CKR_PIN_LOCKED)
	if g.answered+g.cutOff > limit {
		g.t.Errorf("%d guesses were answered and %d cut off, of %d", g.answered, g.cutOff, limit)
	}
	g.t.Logf("%d guesses answered, %d cut off, of %d", g.answered, g.cutOff, limit)
}
