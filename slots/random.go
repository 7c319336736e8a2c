package slots

import "github.com/coffer-hsm/coffer/hsm/ck"

// GenerateRandom is C_GenerateRandom (section 5.19). It needs a session but
// does not lock it: random bytes for one thread do not wait for another's, nor
// Finalize for any.
func (a *App) GenerateRandom(h ck.SessionHandle, dst []byte) error {
	if _, err := a.session(h); err != nil {
		return err
	}
	return a.module.Random(dst)
}

// SeedRandom is C_SeedRandom (section 5.19): CKR_RANDOM_SEED_NOT_SUPPORTED if
// the module's generator takes no seed.
func (a *App) SeedRandom(h ck.SessionHandle, seed []byte) error {
	if _, err := a.session(h); err != nil {
		return err
	}
	return a.module.SeedRandom(seed)
}
