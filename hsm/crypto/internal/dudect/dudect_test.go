package dudect

import (
	"math"
	"testing"
)

// TestMeasureFindsLeak: a class that takes ten times as long stands out.
func TestMeasureFindsLeak(t *testing.T) {
	work, sink := 0, 0.0
	got := Measure(2000, func(class int) { work = 500 + 4500*(1-class) }, func() {
		for i := range work {
			sink += math.Sqrt(float64(i))
		}
	})
	if !(got > 10) && !math.IsNaN(got) && !math.IsInf(got, 1) {
		t.Errorf("|t| = %v for different work", got)
	}
}

func TestWelch(t *testing.T) {
	got := welch([2][]float64{{27.5, 21, 19, 23.6, 17, 17.9}, {27.1, 22, 20.8, 23.4, 23.4, 23.5}})
	if math.Abs(got-(-1.2896)) > 0.0001 {
		t.Errorf("t = %v", got)
	}
}

func TestCropped(t *testing.T) {
	got := cropped([2][]float64{{1, 9, 3}, {2, 100}})
	if len(got[0]) != 2 || len(got[1]) != 1 {
		t.Errorf("%v", got)
	}
}
