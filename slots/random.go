package slots

import "github.com/coffer-hsm/coffer/hsm/ck"

// GenerateRandom is C_GenerateRandom (section 5.19). It needs a session but
// does not lock it: random bytes for one thread do not wait for another's, nor
// Finalize for any.
func (a *App) GenerateRandom(h ck.SessionHandle, dst []byte) error {
	if _, err := a.session(h); err != nil {
		return err
	}
	touch(dst)
	return a.module.Random(dst)
}

// touch writes to every page of the caller's b, so that a fault is one of Go code, which
// the shell contains. The standard library has the kernel's code fill b (vDSO), and a fault
// in that is the end of the process.
func touch(b []byte) {
	const page = 4096 // or a multiple of it
	for i := 0; i < len(b); i += page {
		b[i] = 0
	}
	if len(b) > 0 {
		b[len(b)-1] = 0
	}
}

// SeedRandom is C_SeedRandom (section 5.19): CKR_RANDOM_SEED_NOT_SUPPORTED if
// the module's generator takes no seed.
func (a *App) SeedRandom(h ck.SessionHandle, seed []byte) error {
	if _, err := a.session(h); err != nil {
		return err
	}
	return a.module.SeedRandom(seed)
}
