package audit

import (
	"bytes"
	"errors"
	"os"
	"testing"
)

// fill makes the log longer than the store's tail.
func (w *twin) fill() {
	w.t.Helper()
	for range 100 {
		w.must(w.act(committed))
	}
}

// acceptedElsewhere is a twin whose log was damaged, and accepted, while running had it open.
func acceptedElsewhere(t *testing.T) (w *twin, running *Log) {
	t.Helper()
	w = newTwin(t)
	w.fill()
	running = w.log
	w.reopen()
	w.spoil()
	w.accept()
	return w, running
}

// spoil changes a record in the middle of the log.
func (w *twin) spoil() {
	w.t.Helper()
	b := w.read(logName)
	b[bytes.Index(b[len(b)/2:], []byte(`"act":"`))+len(b)/2+len(`"act":"`)] ^= 1
	w.write(logName, b)
}

// accept is what partition.AcceptAudit does.
func (w *twin) accept() *Pending {
	w.t.Helper()
	why := w.log.Misfit()
	if !Acceptable(why) {
		w.t.Fatalf("there is nothing to accept: %v", why)
	}
	p, err := w.log.PrepareAccept(w.anchor, w.generation+1, []Event{{Act: Accept, Who: "so", Detail: why.Error()}}, why)
	w.must(err)
	w.anchor, w.generation = p.Anchor(), w.generation+1
	p.Done(nil)
	return p
}

// TestMisfit: damage that Settle does not see is found, together with what it does see,
// and a log that is damaged is set aside and no longer goes on.
func TestMisfit(t *testing.T) {
	for _, tt := range []struct {
		name string
		swap func(w *twin, old Anchor)
		want []error
	}{
		{"sound", func(*twin, Anchor) {}, nil},
		{"damaged in its middle", func(w *twin, _ Anchor) { w.spoil() }, []error{ErrDamaged}},
		{"older store", func(w *twin, old Anchor) { w.anchor = old }, []error{ErrStoreOlder}},
		{"both", func(w *twin, old Anchor) { w.spoil(); w.anchor = old }, []error{ErrDamaged, ErrStoreOlder}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTwin(t)
			w.must(w.act(committed))
			old := w.anchor
			w.fill()
			w.reopen()
			tt.swap(w, old)
			why := w.log.Misfit()
			for _, want := range tt.want {
				if !errors.Is(why, want) {
					t.Errorf("%v, want %v", why, want)
				}
			}
			if len(tt.want) == 0 {
				w.must(why)
				return
			}
			p := w.accept()
			if aside := p.Aside(); (aside != "") != errors.Is(why, ErrDamaged) {
				t.Fatalf("%v: the log was set aside as %q", why, aside)
			} else if aside != "" {
				_, err := os.Stat(aside)
				w.must(err)
			}
			w.must(w.log.Misfit())
			w.must(w.act(committed))
			w.verify()
		})
	}
}

// TestAcceptedByAnother: a process that has the log open goes on with the one that began
// when the SO accepted that the log was damaged; with no other that takes its place.
func TestAcceptedByAnother(t *testing.T) {
	w, running := acceptedElsewhere(t)
	w.log = running
	accepted, hashes := w.read(logName), w.read(hashesName)
	w.write(logName, bytes.Replace(accepted, []byte(`"who":"so"`), []byte(`"who":"se"`), 1))
	if err := w.log.Append(Event{Act: Logout}); !Acceptable(err) {
		t.Errorf("with a record that nobody signed: %v", err)
	}
	w.write(logName, accepted)
	w.write(hashesName, hashes)
	w.must(w.log.Append(Event{Act: Logout}))
	w.must(w.act(committed))
	if n := len(w.verify()); n != 3 {
		t.Errorf("%d records", n)
	}
	w.write(logName, accepted) // once more: it is not later than what was seen
	if err := w.log.Append(Event{Act: Logout}); !errors.Is(err, ErrLogOlder) {
		t.Errorf("an older copy of the new log: %v", err)
	}
}

// TestNothingInItsPlace: a process that has the log open appends nothing where that is gone,
// or has nothing in it any more: it is no log that has begun anew.
func TestNothingInItsPlace(t *testing.T) {
	for name, empty := range map[string]func(w *twin){
		"gone":     func(w *twin) { w.must(os.Remove(w.file(logName))) },
		"all gone": func(w *twin) { w.must(os.RemoveAll(w.dir)) },
		"empty":    func(w *twin) { w.write(logName, nil) },
		"torn":     func(w *twin) { w.write(logName, []byte(`{"v":1,"seq":0,`)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newTwin(t)
			w.fill()
			empty(w)
			for range 2 {
				if err := w.log.Append(Event{Act: Logout}); !errors.Is(err, ErrLogOlder) {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

// TestAcceptedAndKilled: where who accepted was killed before the new log was written, who
// has the old one open writes it.
func TestAcceptedAndKilled(t *testing.T) {
	for _, torn := range []string{"", `{"v":1,"seq":0,`} {
		w, running := acceptedElsewhere(t)
		w.write(logName, []byte(torn))
		w.log = running
		w.must(w.act(committed))
		if n := len(w.verify()); n < 2 {
			t.Errorf("%d records", n)
		}
	}
}
