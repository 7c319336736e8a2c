// Command readout tries to get a private key out of a PKCS #11 module, for the
// demonstration: pkcs11-tool and OpenSSL do not even ask. It logs in with the PIN
// in USER_PIN, asks for each attribute that would be the key, says what it is
// told, and fails if it got one.
//
//	readout MODULE LABEL
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/miekg/pkcs11"
)

// secrets are the attributes that make up a private key.
var secrets = []struct {
	name string
	kind uint
}{
	{"CKA_VALUE", pkcs11.CKA_VALUE},
	{"CKA_PRIVATE_EXPONENT", pkcs11.CKA_PRIVATE_EXPONENT},
	{"CKA_PRIME_1", pkcs11.CKA_PRIME_1},
	{"CKA_PRIME_2", pkcs11.CKA_PRIME_2},
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: readout MODULE LABEL")
	}
	p := pkcs11.New(os.Args[1])
	if p == nil {
		log.Fatalf("%s cannot be loaded", os.Args[1])
	}
	check(p.Initialize())
	defer p.Finalize()
	session, key := find(p, os.Args[2])
	for _, s := range secrets {
		a, err := p.GetAttributeValue(session, key, []*pkcs11.Attribute{pkcs11.NewAttribute(s.kind, nil)})
		if err == nil && len(a[0].Value) > 0 {
			log.Fatalf("%s was handed out", s.name)
		}
		fmt.Printf("%s: %v\n", s.name, err)
	}
}

// find logs in to the first token and finds the private key called label.
func find(p *pkcs11.Ctx, label string) (pkcs11.SessionHandle, pkcs11.ObjectHandle) {
	slots, err := p.GetSlotList(true)
	check(err)
	session, err := p.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION)
	check(err)
	check(p.Login(session, pkcs11.CKU_USER, os.Getenv("USER_PIN")))
	check(p.FindObjectsInit(session, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
	}))
	keys, _, err := p.FindObjects(session, 1)
	check(err)
	check(p.FindObjectsFinal(session))
	if len(keys) == 0 {
		log.Fatalf("no private key %q", label)
	}
	return session, keys[0]
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
