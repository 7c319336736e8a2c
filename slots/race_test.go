//go:build race

package slots_test

const raceDetector = true
