package tpm

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/coffer-hsm/coffer/hsm/seal"
)

// startTPM runs an emulated TPM of its own, and says where it listens and how it is
// switched off.
func startTPM(t *testing.T) (device string, stop func()) {
	t.Helper()
	dir, err := os.MkdirTemp("", "tpm") // short: the path of a socket has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	device = filepath.Join(dir, "tpm")
	c := exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+dir, "--server", "type=unixio,path="+device,
		"--ctrl", "type=unixio,path="+device+".ctrl", "--flags", "not-need-init,startup-clear")
	if err := c.Start(); err != nil {
		t.Fatalf("swtpm, of the package of that name: %v", err)
	}
	stop = func() { c.Process.Kill(); c.Wait() }
	t.Cleanup(func() { stop(); os.RemoveAll(dir) })
	for range 500 {
		if _, err := os.Stat(device); err == nil {
			return device, stop
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("swtpm does not listen")
	return "", nil
}

// extend changes a PCR.
func extend(t *testing.T, device string, pcr uint32) {
	t.Helper()
	digest := sha256.Sum256([]byte("another kernel"))
	err := with(device, func(tpm transport.TPM) error {
		_, err := tpm2.PCRExtend{
			PCRHandle: tpm2.AuthHandle{Handle: tpm2.TPMHandle(pcr), Auth: tpm2.PasswordAuth(nil)},
			Digests: tpm2.TPMLDigestValues{Digests: []tpm2.TPMTHA{
				{HashAlg: tpm2.TPMAlgSHA256, Digest: digest[:]},
			}},
		}.Execute(tpm)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sealed makes a copy of a root key under a key of the TPM.
func sealed(t *testing.T, device string, pcrs ...uint) (*seal.Slot, *seal.Sealer) {
	t.Helper()
	with, err := New(device, pcrs)
	if err != nil {
		t.Fatal(err)
	}
	root := seal.GenerateRoot()
	defer root.Zero()
	s, err := seal.NewSlot("tpm", root, with)
	if err != nil {
		t.Fatal(err)
	}
	return s, with
}

func opens(t *testing.T, m Method, s *seal.Slot, want *seal.Sealer) {
	t.Helper()
	key, err := m.Key(s)
	if err != nil || !bytes.Equal(key.Expose(), want.Key.Expose()) {
		t.Fatalf("%v, key %d bytes", err, key.Len())
	}
	root, err := s.Open(key)
	if err != nil {
		t.Fatal(err)
	}
	root.Zero()
}

func refuses(t *testing.T, m Method, s *seal.Slot, want error) {
	t.Helper()
	if key, err := m.Key(s); !errors.Is(err, want) || key != nil {
		t.Errorf("%v, want %v", err, want)
	}
}

// The TPM opens it, often: nothing is left behind in it. Another one does not, and
// none at all is named.
func TestOneTPM(t *testing.T) {
	device, stop := startTPM(t)
	s, want := sealed(t, device)
	for range 8 { // a TPM holds three objects or so
		opens(t, Method{}, s, want)
	}
	extend(t, device, 16)
	opens(t, Method{device}, s, want)

	other, _ := startTPM(t)
	refuses(t, Method{other}, s, ErrOther)

	damaged := *s
	damaged.Params = maps.Clone(s.Params)
	damaged.Params[paramPublic] = "00"
	refuses(t, Method{}, &damaged, ErrSlot)
	damaged.Params = maps.Clone(s.Params)
	p := []byte(damaged.Params[paramPrivate])
	p[len(p)-1] ^= 1
	damaged.Params[paramPrivate] = string(p)
	refuses(t, Method{}, &damaged, ErrSlot)

	stop()
	refuses(t, Method{}, s, ErrGone)
	refuses(t, Method{device + ".none"}, s, ErrGone)
	refuses(t, Method{"/dev/null"}, s, ErrGone)
}

// Bound to PCRs it opens while they are as they were.
func TestPCRs(t *testing.T) {
	device, _ := startTPM(t)
	s, want := sealed(t, device, 16, 7)
	if d, pcrs := Params(s); d != device || FormatPCRs(pcrs) != "7,16" {
		t.Errorf("%s, %v", d, pcrs)
	}
	opens(t, Method{}, s, want)
	extend(t, device, 8)
	opens(t, Method{}, s, want)
	extend(t, device, 16)
	refuses(t, Method{}, s, ErrPCRs)
	// Whoever leaves the PCRs away does not get past: the policy is the object's.
	unbound := *s
	unbound.Params = maps.Clone(s.Params)
	delete(unbound.Params, paramPCRs)
	var code tpm2.TPMRC
	if _, err := (Method{}).Key(&unbound); !errors.As(err, &code) {
		t.Errorf("without its PCRs: %v", err)
	}
	unbound.Params[paramPCRs] = "7,7x"
	refuses(t, Method{}, &unbound, ErrSlot)
}

func TestNewRefuses(t *testing.T) {
	for _, pcrs := range [][]uint{{24}, {7, 7}, {0, 1, 255}} {
		if _, err := New("/dev/null", pcrs); !errors.Is(err, ErrParams) {
			t.Errorf("%v: %v", pcrs, err)
		}
	}
	if _, err := New("/nowhere", nil); !errors.Is(err, ErrGone) {
		t.Errorf("no TPM: %v", err)
	}
}
