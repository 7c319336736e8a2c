package main

/*
#include "front/core.h"
*/
import "C"

import (
	"strings"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// configuration copies what the front read from the environment and from
// CK_C_INITIALIZE_ARGS. The parameter string is nearer to the program than the
// environment, so it wins.
func configuration(s *C.coffer_settings) (hsm.Config, error) {
	cfg := hsm.Config{
		Home:        text(s.home),
		ConfigFile:  text(s.config),
		UserHome:    text(s.user_home),
		DataHome:    text(s.data_home),
		NetworkFS:   text(s.network_fs),
		RuntimeDir:  text(s.runtime_dir),
		Credentials: text(s.credentials),
	}
	return cfg, readParameters(text(s.parameters), map[string]*string{
		"home": &cfg.Home,
		"conf": &cfg.ConfigFile,
	})
}

// text copies a C string; NULL is "".
func text(s *C.char) string {
	if s == nil {
		return ""
	}
	return C.GoString(s)
}

// readParameters reads "name=value" pairs set apart by blanks into the variables
// of their names. A value in single or double quotes may hold blanks; there is
// no escape. Anything else is CKR_ARGUMENTS_BAD, an unknown name too.
func readParameters(s string, into map[string]*string) error {
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		name, rest, ok := strings.Cut(s, "=")
		dst := into[name]
		if !ok || dst == nil {
			return ck.Errorf(ck.CKR_ARGUMENTS_BAD, "C_Initialize parameters: %q is none of home=, conf=", name)
		}
		if *dst, s, ok = cutValue(rest); !ok {
			return ck.Errorf(ck.CKR_ARGUMENTS_BAD, "C_Initialize parameters: the value of %s= has no closing quote, or text after it", name)
		}
	}
	return nil
}

// cutValue splits the value off the start of s.
func cutValue(s string) (value, rest string, ok bool) {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		if i := strings.IndexAny(s, " \t\r\n"); i >= 0 {
			return s[:i], s[i:], true
		}
		return s, "", true
	}
	value, rest, ok = strings.Cut(s[1:], s[:1])
	return value, rest, ok && (rest == "" || strings.ContainsRune(" \t\r\n", rune(rest[0])))
}
