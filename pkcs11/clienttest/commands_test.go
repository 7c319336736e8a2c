package clienttest

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// commands are the words that the scripts have beside testscript's own. "!"
// before one of the first three means that it must fail.
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	// p11 ARGUMENT...: pkcs11-tool on the module
	"p11": func(ts *testscript.TestScript, neg bool, args []string) {
		run(ts, neg, "pkcs11-tool", append([]string{"--module", ts.Getenv("MODULE")}, args...)...)
	},
	// user ARGUMENT...: pkcs11-tool, logged in to the token as its user
	"user": func(ts *testscript.TestScript, neg bool, args []string) {
		run(ts, neg, "pkcs11-tool", append([]string{"--module", ts.Getenv("MODULE"), "--token-label", "test", "--login", "--pin", userPIN}, args...)...)
	},
	// so ARGUMENT...: pkcs11-tool, logged in to the token as its SO
	"so": func(ts *testscript.TestScript, neg bool, args []string) {
		run(ts, neg, "pkcs11-tool", append([]string{"--module", ts.Getenv("MODULE"), "--token-label", "test", "--login", "--login-type", "so", "--so-pin", soPIN}, args...)...)
	},
	// owner USER: the home is that user's and where that user can reach it, as is the
	// library, and OWNER is the user; where root does not run this, it is who does
	"owner": func(ts *testscript.TestScript, _ bool, args []string) { ts.Check(giveTo(ts, args[0])) },
	// token: makes the token
	"token": func(ts *testscript.TestScript, _ bool, _ []string) {
		for _, args := range initialise(ts.Getenv("MODULE")) {
			run(ts, false, "pkcs11-tool", args...)
		}
	},
	// told: what was printed last must be the same on SoftHSM2
	"told": func(ts *testscript.TestScript, _ bool, _ []string) {
		all := ts.Value(transcript{}).(*[]string)
		*all = append(*all, plain(ts.ReadFile("stdout")))
	},
	// port NAME: a free port
	"port": func(ts *testscript.TestScript, _ bool, args []string) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		_, port, err := net.SplitHostPort(listener.Addr().String())
		ts.Check(err)
		ts.Check(listener.Close())
		ts.Setenv(args[0], port)
	},
	// await PORT: waits until somebody listens there
	"await": func(ts *testscript.TestScript, _ bool, args []string) {
		ts.Check(await(args[0]))
	},
}

func run(ts *testscript.TestScript, neg bool, program string, args ...string) {
	err := ts.Exec(program, args...)
	switch {
	case err == nil && neg:
		ts.Fatalf("%s %s succeeded", program, strings.Join(args, " "))
	case err != nil && !neg:
		ts.Fatalf("%s %s: %v", program, strings.Join(args, " "), err)
	}
}

func await(port string) error {
	for range 200 {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			return conn.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("nobody listens on port %s", port)
}

// transcript is the key under which a script's environment has what it told, a *[]string.
type transcript struct{}

// differing is what pkcs11-tool prints and modules may rightly differ in: names,
// random values, how Ed25519 is named, the profile objects, which SoftHSM2 has none of,
// and what Coffer withholds by default (wrapping, and the use of keys in ways that
// their type does not have).
var differing = regexp.MustCompile(`(?m)^.*(Unique ID|Usage|Profile object|profile_id|EC_POINT:|EC_PARAMS: +(06032b6570|130c)|manufacturer|model|token flags|version|serial num|pin min|slot).*\n`)

// plain is output without that, and in order: a list of objects has none.
func plain(output string) string {
	lines := strings.SplitAfter(differing.ReplaceAllString(output, ""), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}
