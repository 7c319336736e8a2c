package slots

import "github.com/coffer-hsm/coffer/hsm/ck"

// GenerateRandom is C_GenerateRandom (section 5.19). It needs a session but
// does not lock it: random bytes for one thread do not wait for another's.
func (a *App) GenerateRandom(h ck.SessionHandle, dst []byte) error {
	return a.random(h, dst, a.module.Random)
}

// SeedRandom is C_SeedRandom (section 5.19): CKR_RANDOM_SEED_NOT_SUPPORTED if
// the module's generator takes no seed.
func (a *App) SeedRandom(h ck.SessionHandle, seed []byte) error {
	return a.random(h, seed, a.module.SeedRandom)
}

func (a *App) random(h ck.SessionHandle, b []byte, do func([]byte) error) error {
	if err := a.hold(); err != nil {
		return err
	}
	defer a.release()
	if _, err := a.session(h); err != nil {
		return err
	}
	return do(b)
}
