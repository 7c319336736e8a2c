package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// pinRules are the flags for the parts of a PIN policy.
var pinRules = []struct {
	flag, text string
	set        func(*api.PINPolicy, int)
}{
	{"pin-min", "least length of a PIN in `BYTES`", func(p *api.PINPolicy, n int) { p.MinLength = n }},
	{"pin-max", "greatest length of a PIN in `BYTES`", func(p *api.PINPolicy, n int) { p.MaxLength = n }},
	{"pin-tries", "lock a PIN after `N` wrong tries in a row", func(p *api.PINPolicy, n int) { p.Tries = n }},
	{"pin-delay-after", "begin with the delay after `N` wrong tries in a row", func(p *api.PINPolicy, n int) { p.DelayAfter = n }},
	{"pin-delay", "after wrong tries refuse the PIN for `SECONDS`, doubled with each further one; 0 for none",
		func(p *api.PINPolicy, n int) { p.Delay = time.Duration(n) * time.Second }},
}

func pinRuleFlags(c *cobra.Command) {
	for _, r := range pinRules {
		c.Flags().Int(r.flag, 0, r.text)
	}
}

// changePINPolicy puts into p what flags were given, and reports whether any was.
func changePINPolicy(c *cobra.Command, p *api.PINPolicy) (given bool) {
	for _, r := range pinRules {
		if !c.Flags().Changed(r.flag) {
			continue
		}
		n, _ := c.Flags().GetInt(r.flag) // it is one of pinRuleFlags
		r.set(p, n)
		given = true
	}
	return given
}

// rulesError is the error of rules for a partition: that they cannot be is one of the
// command line.
func rulesError(c *cobra.Command, err error) error {
	if ck.Code(err) == ck.CKR_ARGUMENTS_BAD {
		return usageError(c, "%w", err)
	}
	return err
}

// describeDelay says in words when and how long a PIN is refused.
func describeDelay(p api.PINPolicy) string {
	if p.Delay == 0 {
		return "none"
	}
	return fmt.Sprintf("%v after %d wrong tries, doubled with each further one", p.Delay, p.DelayAfter)
}
