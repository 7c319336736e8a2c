package drive

import "fmt"

// long is from how many bytes on a row is about bytes a second.
const long = 4096

// Rate prints operations a second, or bytes a second if one operation works through
// many: three digits and a unit.
func Rate(rate float64, bytes int) string {
	if bytes >= long {
		return short(rate*float64(bytes)) + "B/s"
	}
	return short(rate) + "/s"
}

// short prints three digits and a decimal prefix.
func short(x float64) string {
	prefix := ""
	for _, p := range []string{"k", "M", "G"} {
		if x < 1000 {
			break
		}
		x, prefix = x/1000, p
	}
	switch {
	case x < 10:
		return fmt.Sprintf("%.2f %s", x, prefix)
	case x < 100:
		return fmt.Sprintf("%.1f %s", x, prefix)
	default:
		return fmt.Sprintf("%.0f %s", x, prefix)
	}
}
