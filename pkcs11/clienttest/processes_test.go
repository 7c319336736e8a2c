package clienttest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/coffer-hsm/coffer/hsm/soak"
)

// maker makes keys NAME-0, NAME-1, ... until it is killed and tells each when it
// is made. Of each three it destroys one, and tells before and after.
func maker() error {
	t, err := openToken()
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		label := fmt.Sprintf("%s-%d", os.Args[1], i)
		key, err := t.makeAES(label)
		if err != nil {
			return err
		}
		fmt.Println("made", label)
		if i%3 != 1 {
			continue
		}
		fmt.Println("going", label)
		if err := t.DestroyObject(t.session, key); err != nil {
			return err
		}
		fmt.Println("gone", label)
	}
}

// watcher logs in once, and then looks for each label that it is asked for and
// encrypts with the key.
func watcher() error {
	t, err := openToken()
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		keys, err := t.find(pkcs11.NewAttribute(pkcs11.CKA_LABEL, lines.Text()))
		if err == nil && len(keys) == 1 {
			err = t.EncryptInit(t.session, mechanism(pkcs11.CKM_AES_ECB, nil), keys[0])
		}
		if err == nil && len(keys) == 1 {
			_, err = t.Encrypt(t.session, make([]byte, 16))
		}
		fmt.Println(len(keys), err)
	}
	return nil
}

// counter tells the labels of all secret keys, each of which it has used.
func counter() error {
	t, err := openToken()
	if err != nil {
		return err
	}
	keys, err := t.find(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY))
	if err != nil {
		return err
	}
	for _, key := range keys {
		label, err := t.value(key, pkcs11.CKA_LABEL)
		if err != nil {
			return err
		}
		if err := t.EncryptInit(t.session, mechanism(pkcs11.CKM_AES_ECB, nil), key); err != nil {
			return fmt.Errorf("%s: %w", label, err)
		}
		if _, err := t.Encrypt(t.session, make([]byte, 16)); err != nil {
			return fmt.Errorf("%s: %w", label, err)
		}
		fmt.Println(string(label))
	}
	return t.close()
}

// newToken makes a token in a home of its own, whose section [pin] has the given lines
// too, and returns the environment in which programs find it.
func newToken(t *testing.T, pin ...string) []string {
	t.Helper()
	folder := t.TempDir()
	env, err := coffer(folder)
	if err == nil {
		err = addLines(filepath.Join(folder, "home", "coffer.toml"), pin)
	}
	if err != nil {
		t.Fatal(err)
	}
	env = append(os.Environ(), env...)
	for _, args := range initialise(env[len(env)-1][len("MODULE="):]) {
		command := exec.Command("pkcs11-tool", args...)
		command.Env = env
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("pkcs11-tool: %v\n%s", err, out)
		}
	}
	return env
}

func addLines(path string, lines []string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	for _, line := range lines {
		_, err = fmt.Fprintln(f, line)
	}
	return errors.Join(err, f.Close())
}

// A process is a command of this test program that runs beside the test.
type process struct {
	*exec.Cmd
	ask  io.Writer
	told chan string // closed at its end
}

func start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(name, args...), told: make(chan string, 10000)}
	p.Env, p.Stderr = env, os.Stderr
	ask, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	p.ask = ask
	t.Cleanup(func() { _ = p.Process.Kill() })
	go func() {
		defer close(p.told)
		// The last line of a process that was killed may not be whole.
		for r := bufio.NewReader(answers); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			p.told <- strings.TrimSuffix(line, "\n")
		}
	}()
	return p
}

// next is the next line that p tells.
func (p *process) next(t *testing.T) string {
	t.Helper()
	select {
	case line, ok := <-p.told:
		if !ok {
			t.Fatalf("%s ended: %v", p.Path, p.Wait())
		}
		return line
	case <-time.After(time.Minute):
		t.Fatalf("%s is silent", p.Path)
	}
	return ""
}

// kill ends p, at once, and returns what it had told and nobody read.
func (p *process) kill() (lines []string) {
	_ = p.Process.Kill()
	for line := range p.told {
		lines = append(lines, line)
	}
	_ = p.Wait()
	return lines
}

// A process that is logged in finds what another makes, and loses what it destroys.
func TestSecondProcess(t *testing.T) {
	t.Parallel()
	env := newToken(t)
	reader := start(t, env, "watcher")
	if line := reader.next(t); line != "ready" {
		t.Fatal(line)
	}
	ask := func(label, want string) {
		t.Helper()
		fmt.Fprintln(reader.ask, label)
		if got := reader.next(t); got != want {
			t.Errorf("%s: %s, not %s", label, got, want)
		}
	}
	ask("a-0", "0 <nil>")
	writer := start(t, env, "maker", "a")
	kept := 0
	for range 60 {
		switch what, label, _ := strings.Cut(writer.next(t), " "); {
		case what == "gone":
			ask(label, "0 <nil>")
		case what == "made" && !strings.HasSuffix(label, "1"):
			kept++
			if kept%2 == 0 {
				ask("a-0", "1 <nil>")
			}
		}
	}
	writer.kill()
	ask("a-0", "1 <nil>")
	ask("a-2", "1 <nil>")
	ask("a-3", "1 <nil>")
	ask("a-1", "0 <nil>")
}

// ledger is what must be in a token after writers were killed.
type ledger struct {
	sync.Mutex
	state map[string]string // by label: made, going, gone
}

func (l *ledger) read(lines []string) {
	for _, line := range lines {
		what, label, _ := strings.Cut(line, " ")
		l.state[label] = what
	}
}

// check compares the ledger with what a new process finds. A key may be there that
// nobody told about: its maker was killed in between.
func (l *ledger) check(t *testing.T, env []string) {
	t.Helper()
	command := exec.Command("counter")
	command.Env, command.Stderr = env, os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatal("counter: ", err)
	}
	found := map[string]int{}
	for label := range strings.Lines(string(out)) {
		found[strings.TrimSpace(label)]++
	}
	for label, state := range l.state {
		if n := found[label]; n > 1 || (state == "made" && n != 1) || (state == "gone" && n != 0) {
			t.Errorf("%s is %s, but there are %d", label, state, n)
		}
	}
}

// Writers are killed at random moments while another writes; nothing that was
// told is lost, and the other goes on.
func TestKilledWriters(t *testing.T) {
	t.Parallel()
	// Who is killed during a login has used up a try, for half a minute at least.
	env, kills, random := newToken(t, "tries = 100"), soak.Or(500, 30), soak.Random(t)
	book := &ledger{state: map[string]string{}}
	for i := range kills {
		victim := start(t, env, "maker", fmt.Sprintf("victim%d", i))
		other := start(t, env, "maker", fmt.Sprintf("other%d", i))
		time.Sleep(time.Duration(random.IntN(150)) * time.Millisecond)
		book.read(victim.kill())
		for range 3 {
			book.read([]string{other.next(t)})
		}
		book.read(other.kill())
		if i%5 == 4 || i == kills-1 {
			book.check(t, env)
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d keys told", len(book.state))
}
