package rsa

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/crypto/internal/asmfresh"
)

func TestAssemblyIsGenerated(t *testing.T) { asmfresh.Check(t) }
