package bench

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/soak"
	"github.com/coffer-hsm/coffer/pkcs11/rig"
)

// libraries is the project's folder, with the libraries made anew.
func libraries(t testing.TB) (root string) {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	build, err := rig.Build(root, "front", "core")
	if err != nil {
		t.Fatal(err)
	}
	if err := rig.Depend(build, rig.Front, rig.Core); err != nil {
		t.Fatal(err)
	}
	depend(t, filepath.Join(root, "bench", "driver"))
	return root
}

// depend is rig.Depend for all files of a folder.
func depend(t testing.TB, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if err := rig.Depend(folder, entry.Name()); err != nil {
			t.Fatal(err)
		}
	}
}

// compare runs rows through Coffer and another module.
func compare(t *testing.T, other string, rounds int, turn time.Duration, rows ...string) []Result {
	t.Helper()
	root := libraries(t)
	modules, err := Choose(Modules(root), []string{"coffer", other})
	if err != nil {
		t.Fatal(err)
	}
	// Other packages' tests run at the same time: processor time is what they
	// take least from.
	plan := Plan{Root: root, Modules: modules, Rows: rows, Threads: []int{1}, Rounds: rounds, Time: turn, CPU: true}
	results, err := plan.Run()
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// A short AES-GCM message through the C ABI is where all that is not cryptography
// weighs most. Coffer is to be no slower there than SoftHSM2.
func TestGCMNoSlowerThanSoftHSM(t *testing.T) {
	for _, r := range compare(t, "softhsm2", 15, 40*time.Millisecond, "aes-256-gcm-16B") {
		t.Logf("coffer/%s: %.2f (%.2f to %.2f)", r.BestPeer, r.Ratio, r.Low, r.High)
		if r.Modules["coffer"].Median < r.Modules["softhsm2"].Median || r.Ratio < 1 {
			t.Errorf("coffer %.0f, softhsm2 %.0f encryptions a second of processor time",
				r.Modules["coffer"].Median, r.Modules["softhsm2"].Median)
		}
	}
}

// Recording the uses of keys (audit-use) costs at most a twentieth of the rate of
// signatures; among the tests of other packages, a tenth is what can be told from noise,
// and what is noise does not come three times.
func TestAuditCost(t *testing.T) {
	rounds, bar := soak.Or(101, 21), soak.Or(1.05, 1.10)
	const tries = 3
	for try := 1; ; try++ {
		r := compare(t, AuditModule, rounds, 40*time.Millisecond, "p256-sign")[0]
		t.Logf("coffer/%s: %.3f (%.2f to %.2f)", r.BestPeer, r.Ratio, r.Low, r.High)
		if r.Ratio <= bar {
			return
		}
		if try == tries {
			t.Fatalf("without a record of uses it is %.2f times as fast", r.Ratio)
		}
	}
}

// Every row works in Coffer and, as far as the driver is concerned, in another
// module. RSA keys of other sizes are made in the same way, but take long.
func TestEveryRow(t *testing.T) {
	var rows []string
	for _, row := range Rows {
		if row != "rsa-3072-sign" && row != "rsa-4096-sign" {
			rows = append(rows, row)
		}
	}
	for _, r := range compare(t, "softhsm2", 1, time.Millisecond, rows...) {
		for _, module := range []string{"coffer", "softhsm2"} {
			if r.Modules[module].Median <= 0 {
				t.Errorf("%s: no figure of %s", r.Row, module)
			}
		}
	}
}
