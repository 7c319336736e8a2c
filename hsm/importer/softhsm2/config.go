package softhsm2

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/importer"
)

// Configs lists the configuration files that SoftHSM2 may have, in the order in which
// they count: that of SOFTHSM2_CONF alone if it is set.
func Configs(softhsm2Conf, home string) []string {
	if softhsm2Conf != "" {
		return []string{softhsm2Conf}
	}
	var paths []string
	if home != "" {
		paths = append(paths, filepath.Join(home, ".config", "softhsm2", "softhsm2.conf"))
	}
	return append(paths, "/etc/softhsm/softhsm2.conf", "/etc/softhsm2.conf")
}

// TokenDir returns directories.tokendir of the first of the files that is there.
func TokenDir(configs []string) (string, error) {
	for _, path := range configs {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), "=")
			if strings.TrimSpace(name) == "directories.tokendir" {
				return strings.TrimSpace(value), nil
			}
		}
		return "", importer.Formatf("%s has no directories.tokendir", path)
	}
	return "", fmt.Errorf("no configuration of SoftHSM2: %w", fs.ErrNotExist)
}
