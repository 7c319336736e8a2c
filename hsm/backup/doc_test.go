package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/backup/approved"
)

// TestDamageIsSaidOnce: the file, and what is wrong with it, stand in an error once, in
// words of this program, however deep it was found.
func TestDamageIsSaidOnce(t *testing.T) {
	raw := json.Unmarshal([]byte("{{"), &Contents{})
	kind := json.Unmarshal([]byte(`{"partitions":"many"}`), &Contents{})
	system := &fs.PathError{Op: "read", Path: "b", Err: fs.ErrPermission}
	for _, row := range []struct {
		err  error
		want string
	}{
		{damage("b", io.ErrUnexpectedEOF), "b: " + ErrDamaged.Error() + ": it ends too early"},
		{damage("b", damage("b", io.EOF)), "b: " + ErrDamaged.Error() + ": it ends too early"},
		{damage("b", openError("b", approved.ErrKey)), "b: " + ErrKey.Error()},
		{damage("b", ErrNewer), "b: " + ErrNewer.Error()},
		{damage("b", raw), "b: " + ErrDamaged.Error() + ": its contents are not those of a backup"},
		{damage("b", kind), "b: " + ErrDamaged.Error() + ": its contents are not those of a backup"},
		{damage("b", fmt.Errorf("%w: part 0 of it does not open", approved.ErrDamaged)), "b: " + ErrDamaged.Error() + ": part 0 of it does not open"},
		{damage("b", system), "read b: permission denied"},
		{damage("c", system), "c: read b: permission denied"},
	} {
		if got := row.err.Error(); got != row.want {
			t.Errorf("%q, want %q", got, row.want)
		}
	}
	if err := damage("b", damage("b", io.EOF)); !errors.Is(err, ErrDamaged) || !errors.Is(err, io.EOF) {
		t.Errorf("%v does not say by its kind what it is", err)
	}
}
