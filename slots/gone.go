package slots

import (
	"math"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// forgetGone forgets those of list whose objects who cannot see.
func (a *App) forgetGone(t *token, who api.Caller, list []ck.ObjectHandle) {
	for _, h := range list {
		if id, ok := a.object(t, h); ok && !t.partition.Exists(who, id) {
			a.forget(h)
		}
	}
}

// notThere gives the answer that the object with handle h does not exist the code that the
// function has for it. Where another process has destroyed the object, nobody else gives up
// its handle: that is done here.
func (a *App) notThere(s *session, h ck.ObjectHandle, err error, code ck.RV) error {
	if err == nil || ck.Code(err) != ck.CKR_OBJECT_HANDLE_INVALID {
		return err
	}
	if id, ok := a.object(s.token, h); ok && isGone(s.token, s.caller(), id) {
		a.forget(h)
	}
	return code
}

// isGone reports whether there is no such object that who may see. It does not take a
// partition that cannot answer for one without the object.
func isGone(t *token, who api.Caller, id api.ObjectID) bool {
	return ck.Code(t.partition.Attributes(who, id, nil)) == ck.CKR_OBJECT_HANDLE_INVALID
}

// sweepAt is the number of handles in a shard at which sweep first looks for those whose
// objects are gone.
const sweepAt = 256

// sweep makes room in the shard where the session has just been given a handle: when there
// are twice as many as after the last sweep, those of objects that others have destroyed
// go. A program that searches while others make and destroy keys would keep the handles of
// all for ever.
func (a *App) sweep(s *session, shard int) {
	t, mu := s.token, &a.objects[shard].mu
	mu.Lock()
	due := len(t.handles[shard]) >= max(sweepAt, t.sweepAt[shard])
	if due {
		t.sweepAt[shard] = math.MaxInt // nobody else does it meanwhile
	}
	mu.Unlock()
	if !due {
		return
	}
	for _, h := range a.handlesIn(shard, t) {
		if id, ok := a.object(t, h); ok && isGone(t, s.caller(), id) {
			a.forget(h)
		}
	}
	mu.Lock()
	t.sweepAt[shard] = 2 * len(t.handles[shard])
	mu.Unlock()
}
