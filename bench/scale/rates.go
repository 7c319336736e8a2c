package main

import (
	"slices"

	"github.com/coffer-hsm/coffer/bench"
)

// These measure rates through PKCS #11, by what else there is.

// turns is how often a rate is measured; the median counts.
const turns = 5

// start starts the driver on Coffer: on a home of its own if home is nil.
func start(c context, home *bench.Home) (*bench.Driver, error) {
	chosen, err := bench.Choose(bench.Modules(c.root), []string{"coffer"})
	if err != nil {
		return nil, err
	}
	if home != nil {
		return chosen[0].StartOn(c.root, c.folder, home)
	}
	return chosen[0].Start(c.root, c.folder)
}

// rate is the median rate of a row, and the bytes of an operation.
func rate(c context, d *bench.Driver, row string, threads int) (float64, int, error) {
	var all []float64
	bytes := 0
	for range turns {
		m, _, err := d.Measure(row, threads, c.turn)
		if err != nil {
			return 0, 0, err
		}
		all, bytes = append(all, m.Rate), m.Bytes
	}
	slices.Sort(all)
	return all[turns/2], bytes, nil
}

// add measures rows at one size.
func add(c context, d *bench.Driver, p *bench.Plot, x, threads int, rows ...string) error {
	p.X = append(p.X, float64(x))
	for _, row := range rows {
		y, _, err := rate(c, d, row, threads)
		if err != nil {
			return err
		}
		p.Add(row, y)
	}
	return nil
}

// threadsPlot measures the same with more and more threads.
func threadsPlot(c context) ([]plot, error) {
	d, err := start(c, nil)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	p := bench.Plot{Title: "Operations a second by threads", XName: "threads", YName: "/s"}
	for _, n := range []int{1, 2, 4, 8, 16, 32} {
		if err := add(c, d, &p, n, n, "rsa-2048-sign", "p256-sign", "aes-256-gcm-16B", "aes-256-gcm-16KiB", "find-1-of-1000"); err != nil {
			return nil, err
		}
	}
	return []plot{{"threads", p}}, nil
}

// sessionsPlot measures beside sessions that are open and do nothing.
func sessionsPlot(c context) ([]plot, error) {
	d, err := start(c, nil)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	p := bench.Plot{Title: "Operations a second by sessions open", XName: "sessions", YName: "/s"}
	for _, n := range []int{10, 100, 1000, 10_000} {
		if err := d.Set("sessions", n); err != nil {
			return nil, err
		}
		if err := add(c, d, &p, n, 1, "p256-sign", "aes-256-gcm-16B", "session-open-close", "key-create-destroy"); err != nil {
			return nil, err
		}
	}
	return []plot{{"sessions", p}}, nil
}

// byObjects are the rows that many objects may slow down.
var byObjects = []string{"find-label", "aes-256-gcm-16B", "key-create-destroy"}

// objectsPlot measures beside many objects: of the session, and of the token.
func objectsPlot(c context) ([]plot, error) {
	ofSession := bench.Plot{Title: "Operations a second by session objects", XName: "objects", YName: "/s"}
	d, err := start(c, nil)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	ofToken := bench.Plot{Title: "Operations a second by objects of the token", XName: "objects", YName: "/s"}
	home, err := newHome(c)
	if err != nil {
		return nil, err
	}
	for _, n := range sizes {
		if err := d.Set("objects", n); err != nil {
			return nil, err
		}
		if err := add(c, d, &ofSession, n, 1, byObjects...); err != nil {
			return nil, err
		}
		if err := besideToken(c, home, n, &ofToken); err != nil {
			return nil, err
		}
	}
	return []plot{{"objects-session", ofSession}, {"objects-token", ofToken}}, nil
}

// besideToken measures in a new process on a home that has grown to n keys.
func besideToken(c context, home *bench.Home, n int, p *bench.Plot) error {
	if err := home.Grow(n); err != nil {
		return err
	}
	d, err := start(c, home)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Set("labels", n); err != nil {
		return err
	}
	return add(c, d, p, n, 1, byObjects...)
}

// payloadPlot measures bytes a second by the length of what is worked through, in one
// call and in parts of 64 KiB.
func payloadPlot(c context) ([]plot, error) {
	d, err := start(c, nil)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	p := bench.Plot{Title: "Bytes a second by length, in one call and in parts of 64 KiB", XName: "bytes", YName: "B/s"}
	for n := 16; n <= 64<<20; n *= 4 {
		if err := d.Set("payload", n); err != nil {
			return nil, err
		}
		p.X = append(p.X, float64(n))
		for _, row := range []string{"aes-256-gcm", "aes-256-gcm-parts", "aes-256-ctr", "aes-256-ctr-parts", "sha256", "sha256-parts"} {
			y, bytes, err := rate(c, d, row, 1)
			if err != nil {
				return nil, err
			}
			p.Add(row, y*float64(bytes))
		}
	}
	return []plot{{"payload", p}}, nil
}
