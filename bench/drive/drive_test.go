package drive

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// twin is a driver that a shell script plays.
func twin(script string) *exec.Cmd { return exec.Command("sh", "-c", script) }

const opened = `echo '{"row":"open","rows":["a","b"]}'; `

func TestStart(t *testing.T) {
	d, err := Start(twin(opened+"cat >/dev/null"), nil)
	if err != nil || strings.Join(d.Rows, " ") != "a b" {
		t.Fatal(d, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// The PIN goes to a driver that asks for it, and to no other.
func TestPIN(t *testing.T) {
	for _, c := range []struct{ login, want string }{{"true", "1234"}, {"false", ""}} {
		script := `echo '{"row":"token","login":` + c.login + `}'; read pin; [ "$pin" = "` + c.want + `" ] && ` + opened + "cat >/dev/null"
		d, err := Start(twin(script), func() ([]byte, error) { return []byte("1234"), nil })
		if err != nil {
			t.Fatal(c.login, err)
		}
		d.Close()
	}
	refused := errors.New("nobody to ask")
	_, err := Start(twin(`echo '{"row":"token","login":true}'; read pin`), func() ([]byte, error) { return nil, refused })
	if !errors.Is(err, refused) {
		t.Error(err)
	}
}

func TestStartFails(t *testing.T) {
	var failure *Failure
	_, err := Start(twin(`echo '{"row":"open","failed":"C_Login","code":160}'`), nil)
	if !errors.As(err, &failure) || failure.Code != 0xa0 || err.Error() != "C_Login: CK_RV 0xa0" {
		t.Error(err)
	}
	for _, script := range []string{"true", "echo hello", "exit 3"} {
		if _, err := Start(twin(script), nil); err == nil || errors.As(err, &failure) {
			t.Errorf("%s: %v", script, err)
		}
	}
	if _, err := Start(exec.Command("/nowhere"), nil); err == nil {
		t.Error("a driver that is not there was started")
	}
}

func TestMeasure(t *testing.T) {
	const figure = `{"row":"a","threads":2,"bytes":16,"operations":10,"seconds":1,"cpu_seconds":0.5,"rate":10}`
	for _, c := range []struct {
		answer string
		want   error
	}{
		{figure, nil},
		{`{"row":"a","failed":"C_SignInit","code":112}`, ErrAbsent},
		{`{"row":"a","failed":"no such row","code":0}`, ErrAbsent},
		{`{"row":"a","failed":"C_Sign","code":48}`, &Failure{}},
	} {
		d, err := Start(twin(opened+`read line; [ "$line" = "a 2 1500" ] && echo '`+c.answer+`'; cat >/dev/null`), nil)
		if err != nil {
			t.Fatal(err)
		}
		m, err := d.Measure("a", 2, 1500*time.Millisecond)
		var failure *Failure
		switch {
		case c.want == nil:
			if err != nil || m.Rate != 10 || m.PerCPUSecond() != 20 || m.Bytes != 16 {
				t.Errorf("%+v, %v", m, err)
			}
		case errors.Is(c.want, ErrAbsent) != errors.Is(err, ErrAbsent), err == nil:
			t.Errorf("%s: %v", c.answer, err)
		case !errors.Is(err, ErrAbsent) && !errors.As(err, &failure):
			t.Errorf("%s: %v", c.answer, err)
		}
		d.Close()
	}
}

// A driver that is gone is an error of another kind than a call that failed.
func TestMeasureGone(t *testing.T) {
	d, err := Start(twin(opened), nil)
	if err != nil {
		t.Fatal(err)
	}
	var failure *Failure
	if _, err := d.Measure("a", 1, time.Second); err == nil || errors.As(err, &failure) || errors.Is(err, ErrAbsent) {
		t.Error(err)
	}
	d.Close()
}

func TestRate(t *testing.T) {
	for _, c := range []struct {
		rate  float64
		bytes int
		want  string
	}{
		{0.5, 0, "0.50 /s"}, {617, 16, "617 /s"}, {1234, 0, "1.23 k/s"}, {56_700_000, 0, "56.7 M/s"},
		{1e6, 16384, "16.4 GB/s"}, {1, 4096, "4.10 kB/s"},
	} {
		if got := Rate(c.rate, c.bytes); got != c.want {
			t.Errorf("%v of %d bytes: %q, not %q", c.rate, c.bytes, got, c.want)
		}
	}
}
