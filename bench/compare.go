package bench

import (
	"errors"
	"math"
	"os"
	"slices"
	"time"

	"github.com/coffer-hsm/coffer/bench/drive"
)

// Rows are the names of all rows, in the order of the table.
var Rows = []string{
	"rsa-2048-sign", "rsa-3072-sign", "rsa-4096-sign", "p256-sign", "p384-sign", "ed25519-sign",
	"aes-256-gcm-16B", "aes-256-gcm-16KiB", "aes-256-cbc-decrypt-16KiB", "aes-256-ctr-16KiB", "aes-256-ecb-16KiB",
	"sha256-64B", "hmac-sha256-64B", "random-32B", "random-4KiB",
	"session-open-close", "key-create-destroy", "find-1-of-1000",
}

// A Plan is what to compare.
type Plan struct {
	Root    string
	Modules []Module
	Rows    []string
	Threads []int
	Rounds  int
	// Time is how long a module has the machine at a stretch.
	Time time.Duration
	// CPU compares operations for each second of processor time, not of the clock.
	CPU bool
	// Progress, if there is one, is called before each row.
	Progress func(row string, threads int)
}

// A Figure is what one module did in one row.
type Figure struct {
	Median float64 `json:"median"` // operations a second
	// Rates are those of the rounds, in their order.
	Rates []float64 `json:"rates"`
}

// A Result is one row in one number of threads.
type Result struct {
	Row     string            `json:"row"`
	Threads int               `json:"threads"`
	Bytes   int               `json:"bytes,omitempty"`
	Modules map[string]Figure `json:"modules"`
	// BestPeer is the peer with the highest median. Ratio is the median of
	// Coffer's ratios to it round by round, Low and High are the extremes.
	BestPeer string  `json:"best_peer,omitempty"`
	Ratio    float64 `json:"ratio,omitempty"`
	Low      float64 `json:"low,omitempty"`
	High     float64 `json:"high,omitempty"`
}

// Run carries out the plan.
func (p Plan) Run() (results []Result, err error) {
	folder, err := os.MkdirTemp("", "coffer-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	var drivers []*Driver
	defer func() {
		for _, d := range drivers {
			err = errors.Join(err, d.Close())
		}
	}()
	for _, m := range p.Modules {
		d, err := m.Start(p.Root, folder)
		if err != nil {
			return nil, err
		}
		drivers = append(drivers, d)
	}
	for _, threads := range p.Threads {
		for _, row := range p.Rows {
			if p.Progress != nil {
				p.Progress(row, threads)
			}
			r, err := p.row(drivers, row, threads)
			if err != nil {
				return nil, err
			}
			results = append(results, r)
		}
	}
	return results, nil
}

// row lets the modules take turns. Each round starts with another of them, so
// that none is always the one that follows a certain other.
func (p Plan) row(drivers []*Driver, row string, threads int) (Result, error) {
	r := Result{Row: row, Threads: threads, Modules: map[string]Figure{}}
	rates := make([][]float64, len(drivers))
	for round := range p.Rounds {
		for i := range drivers {
			i = (i + round) % len(drivers)
			m, ok, err := drivers[i].Measure(row, threads, p.Time)
			if err != nil {
				return r, err
			}
			if !ok {
				continue
			}
			r.Bytes = m.Bytes
			rates[i] = append(rates[i], p.rate(m))
		}
	}
	for i, d := range drivers {
		if len(rates[i]) > 0 {
			r.Modules[d.Name] = Figure{Median: median(rates[i]), Rates: rates[i]}
		}
	}
	r.judge(drivers)
	return r, nil
}

func (p Plan) rate(m drive.Measurement) float64 {
	if p.CPU {
		return m.PerCPUSecond()
	}
	return m.Rate
}

// judge holds Coffer against the best of its peers.
func (r *Result) judge(drivers []*Driver) {
	for _, d := range drivers {
		if d.Peer && r.Modules[d.Name].Median > r.Modules[r.BestPeer].Median {
			r.BestPeer = d.Name
		}
	}
	ours, theirs := r.Modules["coffer"].Rates, r.Modules[r.BestPeer].Rates
	if len(ours) == 0 || len(ours) != len(theirs) {
		return
	}
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = ours[i] / theirs[i]
	}
	r.Ratio, r.Low, r.High = median(ratios), slices.Min(ratios), slices.Max(ratios)
}

// median of at least one number.
func median(numbers []float64) float64 {
	sorted := slices.Sorted(slices.Values(numbers))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// GeometricMean of the ratios of the rows that have one; 0 if none has.
func GeometricMean(results []Result) float64 {
	sum, count := 0.0, 0
	for _, r := range results {
		if r.Ratio > 0 {
			sum += math.Log(r.Ratio)
			count++
		}
	}
	if count == 0 {
		return 0
	}
	return math.Exp(sum / float64(count))
}
