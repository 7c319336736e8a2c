package main

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

func TestReadParameters(t *testing.T) {
	for _, c := range []struct {
		in, home, conf string
		bad            bool
	}{
		{in: "", home: "before"},
		{in: " \t ", home: "before"},
		{in: "home=/a", home: "/a"},
		{in: "  home=/a   conf=/b\n", home: "/a", conf: "/b"},
		{in: `home="/with blank" conf='/it"s'`, home: "/with blank", conf: `/it"s`},
		{in: "home=", home: ""},
		{in: `home=""`, home: ""},
		{in: "home=/a home=/b", home: "/b"},
		{in: "home=/a=b", home: "/a=b"},
		{in: "home", bad: true},
		{in: "=/a", bad: true},
		{in: "Home=/a", bad: true},
		{in: "home =/a", bad: true},
		{in: `home="/a`, bad: true},
		{in: `home="/a"/b`, bad: true},
		{in: "configdir=/a", bad: true},
		{in: "home=/a rubbish", bad: true},
	} {
		home, conf := "before", ""
		err := readParameters(c.in, map[string]*string{"home": &home, "conf": &conf})
		if c.bad {
			if ck.Code(err) != ck.CKR_ARGUMENTS_BAD {
				t.Errorf("%q: %v", c.in, err)
			}
			continue
		}
		if err != nil || home != c.home || conf != c.conf {
			t.Errorf("%q: home %q, conf %q, %v", c.in, home, conf, err)
		}
	}
}
