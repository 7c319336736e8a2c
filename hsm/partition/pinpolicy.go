package partition

import (
	"encoding/json"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// maxDelay bounds how long wrong tries hold a PIN back: an operator who comes back
// from lunch can log in.
const maxDelay = 15 * time.Minute

// The bounds of a policy. PINs of less than 4 bytes PKCS #11 has never allowed.
const (
	shortestPIN, longestPIN = 4, 255
	mostTries               = 100
)

// pinPolicy is the payload of metaPINPolicy (FORMAT.md).
type pinPolicy struct {
	Min   int `json:"min"`
	Max   int `json:"max"`
	Tries int `json:"tries"`
	After int `json:"after"`
	Delay int `json:"delay"` // seconds
}

func encodePINPolicy(r api.PINPolicy) ([]byte, error) {
	return json.Marshal(pinPolicy{r.MinLength, r.MaxLength, r.Tries, r.DelayAfter, int(r.Delay / time.Second)})
}

func decodePINPolicy(payload []byte) (api.PINPolicy, error) {
	var s pinPolicy
	if err := json.Unmarshal(payload, &s); err != nil {
		return api.PINPolicy{}, damaged("value %q: %w", metaPINPolicy, err)
	}
	return api.PINPolicy{MinLength: s.Min, MaxLength: s.Max, Tries: s.Tries, DelayAfter: s.After, Delay: time.Duration(s.Delay) * time.Second}, nil
}

// checkPINPolicy refuses what would lock everybody out, or is no policy.
func checkPINPolicy(r api.PINPolicy) error {
	for _, rule := range []struct {
		bad  bool
		text string
	}{
		{r.MinLength < shortestPIN || r.MinLength > longestPIN, "the least length of a PIN is 4 to 255 bytes"},
		{r.MaxLength < r.MinLength || r.MaxLength > longestPIN, "the greatest length of a PIN is at least the least one and at most 255 bytes"},
		{r.Tries < 1 || r.Tries > mostTries, "the tries are 1 to 100"},
		{r.Delay < 0 || r.Delay > maxDelay || r.Delay%time.Second != 0, "the delay is 0 to 900 whole seconds"},
		{r.Delay > 0 && (r.DelayAfter < 1 || r.DelayAfter > mostTries), "the delay begins after 1 to 100 wrong tries"},
	} {
		if rule.bad {
			return ck.Errorf(ck.CKR_ARGUMENTS_BAD, "PIN policy: %s", rule.text)
		}
	}
	return nil
}

// policyOfPINs is the policy of a partition whose value metaPINPolicy is payload. One
// from before there was such a value has the process's lengths and tries, and no delay.
func (p *Partition) policyOfPINs(payload []byte) (api.PINPolicy, error) {
	if payload == nil {
		return api.PINPolicy{MinLength: p.options.MinPIN, MaxLength: p.options.MaxPIN, Tries: p.options.Tries}, nil
	}
	return decodePINPolicy(payload)
}

// pinPolicySeen is the policy as last loaded. The caller holds p.mu.
func (p *Partition) pinPolicySeen() api.PINPolicy {
	r, err := p.policyOfPINs(p.metas[metaPINPolicy].payload)
	if err != nil { // it was authentic: a version that knows better has written it
		return api.PINPolicy{}
	}
	return r
}

// readPINPolicy is the policy as it stands in a transaction.
func (p *Partition) readPINPolicy(tx store.Tx) (api.PINPolicy, error) {
	payload, _, err := p.readMeta(tx, metaPINPolicy)
	if err != nil {
		return api.PINPolicy{}, err
	}
	return p.policyOfPINs(payload)
}

func (w *writer) putPINPolicy(r api.PINPolicy) error {
	payload, err := encodePINPolicy(r)
	if err != nil {
		return err
	}
	return w.putMeta(metaPINPolicy, payload)
}

// SetPINPolicy is api.Partition's. PINs that are set stay as they are; wrong tries
// that were counted are held against the new number at once.
func (p *Partition) SetPINPolicy(who api.Caller, r api.PINPolicy) error {
	if err := checkPINPolicy(r); err != nil {
		return err
	}
	return p.bySO(who, func(w *writer) error {
		w.note(audit.Event{Act: audit.PolicySet, Who: "so", Detail: "of PINs"})
		return w.putPINPolicy(r)
	})
}

// checkPIN holds a PIN that is to be set against the policy: CKR_PIN_LEN_RANGE.
func (p *Partition) checkPIN(pin []byte) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return checkPIN(p.pinPolicySeen(), pin)
}

func checkPIN(r api.PINPolicy, pin []byte) error {
	if len(pin) < r.MinLength || len(pin) > r.MaxLength {
		return ck.Errorf(ck.CKR_PIN_LEN_RANGE, "a PIN has %d to %d bytes", r.MinLength, r.MaxLength)
	}
	return nil
}

// delayOf is how long a PIN is held back after so many failures.
func delayOf(r api.PINPolicy, failures int) time.Duration {
	if r.Delay == 0 || failures < r.DelayAfter {
		return 0
	}
	delay := r.Delay
	for range failures - r.DelayAfter {
		if delay *= 2; delay >= maxDelay {
			break
		}
	}
	return min(delay, maxDelay)
}
