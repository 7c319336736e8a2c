package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// newModule is the real module in a new home with an application on it that is
// logged in.
func newModule(b *testing.B) (api.Module, ck.SessionHandle, *slots.App) {
	b.Helper()
	config := hsm.Config{Home: b.TempDir()}
	config.ConfigFile = filepath.Join(config.Home, "coffer.toml")
	check(b, os.Chmod(config.Home, 0o700))
	check(b, os.WriteFile(config.ConfigFile, []byte(cheapPIN), 0o600))
	module, err := hsm.Open(config)
	check(b, err)
	secret := []byte(pin)
	check(b, module.InitToken(1, secret, "bench"))
	app := slots.New(module)
	b.Cleanup(func() { _ = app.Finalize() })
	h, err := app.OpenSession(1, ck.CKF_SERIAL_SESSION|ck.CKF_RW_SESSION)
	check(b, err)
	check(b, app.Login(h, ck.CKU_SO, secret))
	check(b, app.InitPIN(h, secret))
	check(b, app.Logout(h))
	check(b, app.Login(h, ck.CKU_USER, secret))
	return module, h, app
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSlots measures what only slots has: sessions, handles, searches.
func BenchmarkSlots(b *testing.B) {
	_, session, app := newModule(b)
	b.Run("row=session-open-close", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h, err := app.OpenSession(1, ck.CKF_SERIAL_SESSION|ck.CKF_RW_SESSION)
			check(b, err)
			check(b, app.CloseSession(h))
		}
	})
	b.Run("row=key-create-destroy", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h, err := app.CreateObject(session, labelled("short-lived"))
			check(b, err)
			check(b, app.DestroyObject(session, h))
		}
	})
	b.Run("row=find-1-of-1000", func(b *testing.B) { benchmarkFind(b, app, session) })
}

func labelled(label string) ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES),
		ck.Bool(ck.CKA_TOKEN, false), ck.Bool(ck.CKA_ENCRYPT, true),
		{Type: ck.CKA_LABEL, Value: []byte(label)}, {Type: ck.CKA_VALUE, Value: make([]byte, 32)},
	}
}

func benchmarkFind(b *testing.B, app *slots.App, session ck.SessionHandle) {
	for i := range 1000 {
		_, err := app.CreateObject(session, labelled(fmt.Sprintf("key number %04d", i)))
		check(b, err)
	}
	template := ck.Template{{Type: ck.CKA_LABEL, Value: []byte("key number 0617")}}
	found := make([]ck.ObjectHandle, 2)
	b.ReportAllocs()
	for b.Loop() {
		check(b, app.FindObjectsInit(session, template))
		n, err := app.FindObjects(session, found)
		check(b, err)
		if n != 1 {
			b.Fatalf("found %d", n)
		}
		check(b, app.FindObjectsFinal(session))
	}
}

// BenchmarkSlotsTogether has threads that make and destroy keys at once, each on a session
// of its own; what they wait for each other is what they take longer than one.
func BenchmarkSlotsTogether(b *testing.B) {
	_, _, app := newModule(b)
	b.Run("row=key-create-destroy", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			session, err := app.OpenSession(1, ck.CKF_SERIAL_SESSION|ck.CKF_RW_SESSION)
			check(b, err)
			template := labelled("short-lived")
			for err == nil && pb.Next() {
				var h ck.ObjectHandle
				if h, err = app.CreateObject(session, template); err == nil {
					err = app.DestroyObject(session, h)
				}
			}
			check(b, err) // it takes a lock
		})
	})
}
