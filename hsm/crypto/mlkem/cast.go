package mlkem

import (
	stdmlkem "crypto/mlkem"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/coffer-hsm/coffer/fips"
)

// selfTest expands a known seed (IG 10.3.A: key generation). The answers are the
// SHA-256 of the decapsulation keys of the first test in Wycheproof's
// mlkem_768_keygen_seed_test.json and mlkem_1024_keygen_seed_test.json.
var selfTest = fips.CAST("ML-KEM", func() error {
	seed, err := hex.DecodeString("7c9935a0b07694aa0c6d10e4db6b1add2fd81a25ccb148032dcd739936737f2d" +
		"8626ed79d451140800e03b59b956f8210e556067407d13dc90fa9e8b872bfb8f")
	if err != nil {
		return err
	}
	small, err := stdmlkem.NewDecapsulationKey768(seed)
	if err != nil {
		return err
	}
	large, err := stdmlkem.NewDecapsulationKey1024(seed)
	if err != nil {
		return err
	}
	for _, kat := range []struct {
		rank int
		ek   []byte
		want string
	}{
		{3, small.EncapsulationKey().Bytes(), "8757e8aee5e441aee07a43af40467d32f80aee5c51aae4ebd2bdb844c038aac7"},
		{4, large.EncapsulationKey().Bytes(), "926ce3868d8fd192e03410d405e61fb32697a532d7ca7d9ba9b296111df3af74"},
	} {
		dk, err := expand(kat.rank, seed, kat.ek)
		if err != nil {
			return err
		}
		if sum := sha256.Sum256(dk); hex.EncodeToString(sum[:]) != kat.want {
			return errors.New("wrong answer")
		}
	}
	return nil
})
