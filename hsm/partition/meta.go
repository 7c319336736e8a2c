package partition

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// The meta values (FORMAT.md).
const (
	metaPartition = "partition"
	metaRoots     = "roots"
	metaTerms     = "terms"
	metaPublicKey = "public-key"
	metaPINKeys   = "pin-keys"
	metaSO        = "auth-so"
	metaUser      = "auth-user" // and behind a colon, those of users with a name
	metaPINPolicy = "pin-policy"
	metaStrangers = "auth-strangers"
	metaAudit     = "audit"
	metaState     = "state"

	metaVersion   = 1
	latestVersion = 3 // of metaPartition: laterMetas
	macSize       = 32
	wrapPublic    = "public"
	labelMax      = 32 // bytes, CK_TOKEN_INFO
)

// laterMetas are those that older programs cannot do without knowing, each with the
// version that metaPartition has where they are.
var laterMetas = map[string]byte{metaRoots: 2, metaTerms: 2, metaPINKeys: 3}

// seenMeta is what this process last saw of a meta value.
type seenMeta struct {
	payload, value []byte
	tag            [32]byte
}

// header is the payload of metaPartition.
type header struct {
	ID      string    `json:"id"`
	Serial  string    `json:"serial"`
	Label   string    `json:"label"`
	Created time.Time `json:"created"`
	Epoch   string    `json:"epoch"`
	Policy  string    `json:"policy,omitempty"`
	Dates   bool      `json:"dates,omitempty"`

	id [16]byte
}

// state is what metaState seals: what the records add up to.
type state struct {
	records uint64
	digest  seal.SetDigest
}

const stateSize = 8 + 32

func (s state) encode() []byte {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, stateSize), s.records)
	return append(b, s.digest[:]...)
}

func decodeState(b []byte) (s state, ok bool) {
	if len(b) != stateSize {
		return state{}, false
	}
	s.records = binary.LittleEndian.Uint64(b)
	copy(s.digest[:], b[8:])
	return s, true
}

func damaged(format string, args ...any) error {
	return ck.Errorf(ck.CKR_DEVICE_ERROR, "the partition is damaged: "+format, args...)
}

func newHeader(label string) (header, error) {
	if len(label) > labelMax || !utf8.ValidString(label) {
		return header{}, ck.Errorf(ck.CKR_ARGUMENTS_BAD, "a label is at most %d bytes of UTF-8", labelMax)
	}
	if strings.HasSuffix(label, " ") { // CK_TOKEN_INFO pads labels with blanks
		return header{}, ck.Errorf(ck.CKR_ARGUMENTS_BAD, "a label has no blank at its end")
	}
	var id, epoch [16]byte
	rand.Read(id[:])
	rand.Read(epoch[:])
	return header{
		ID:      hex.EncodeToString(id[:]),
		Serial:  SerialOf(id),
		Label:   label,
		Created: time.Now().UTC().Truncate(time.Second),
		Epoch:   hex.EncodeToString(epoch[:]),
		id:      id,
	}, nil
}

// SerialOf makes the 16 characters of CK_TOKEN_INFO's serialNumber.
func SerialOf(id [16]byte) string { return hex.EncodeToString(id[:8]) }

func decodeHeader(payload []byte) (header, error) {
	var h header
	if err := json.Unmarshal(payload, &h); err != nil {
		return header{}, damaged("value %q: %w", metaPartition, err)
	}
	id, err := hex.DecodeString(h.ID)
	if err != nil || len(id) != len(h.id) {
		return header{}, damaged("value %q has no ID", metaPartition)
	}
	copy(h.id[:], id)
	return h, nil
}

// readPartitionID reads which partition this claims to be, before there is a key
// to check the claim with.
func readPartitionID(tx store.Tx) ([16]byte, error) {
	value, ok := tx.Meta(metaPartition)
	if !ok {
		return [16]byte{}, damaged("value %q is missing", metaPartition)
	}
	payload, _, err := splitMeta(metaPartition, value)
	if err != nil {
		return [16]byte{}, err
	}
	h, err := decodeHeader(payload)
	return h.id, err
}

func splitMeta(name string, value []byte) (payload, mac []byte, err error) {
	if len(value) < 1+macSize {
		return nil, nil, damaged("value %q is too short", name)
	}
	if v := value[0]; v != metaVersion && (name != metaPartition || v == 0 || v > latestVersion) {
		return nil, nil, ck.Errorf(ck.CKR_TOKEN_NOT_RECOGNIZED,
			"the partition was written by a newer version of Coffer (format %d): use that version", value[0])
	}
	return value[1 : len(value)-macSize], value[len(value)-macSize:], nil
}

func (p *Partition) metaMAC(name string, version byte, payload []byte) [32]byte {
	return p.root.MAC("meta", []byte(name), []byte{version}, payload)
}

// metaTag is the part of the digest that stands for a meta value. Names are cut to
// fit; the value's MAC has them whole.
func (p *Partition) metaTag(name string, value []byte) [32]byte {
	var id [16]byte
	copy(id[:], name)
	return p.root.RecordTag(id, value)
}

// readMeta returns the payload of a value, checked. There may be none.
func (p *Partition) readMeta(tx store.Tx, name string) (payload, value []byte, err error) {
	value, ok := tx.Meta(name)
	if !ok {
		return nil, nil, nil
	}
	payload, err = p.openMeta(name, value)
	return payload, value, err
}

// readMetaAs is readMeta through what decodes the payload, nil where there is no value.
func readMetaAs[T any](p *Partition, tx store.Tx, name string, decode func(payload []byte) (T, error)) (T, error) {
	payload, _, err := p.readMeta(tx, name)
	if err != nil {
		var none T
		return none, err
	}
	return decode(payload)
}

// openMeta checks a value and returns the payload in it.
func (p *Partition) openMeta(name string, value []byte) ([]byte, error) {
	payload, mac, err := splitMeta(name, value)
	if err != nil {
		return nil, err
	}
	want := p.metaMAC(name, value[0], payload)
	if subtle.ConstantTimeCompare(mac, want[:]) == 1 {
		return payload, nil
	}
	if name == metaPartition { // the first that is read: most likely another root key
		return nil, ck.Errorf(ck.CKR_TOKEN_NOT_RECOGNIZED,
			"the root key does not fit this partition, or value %q is damaged", name)
	}
	return nil, damaged("value %q is not authentic", name)
}

// readState opens the state that the transaction of a generation left. It is
// sealed, not just authenticated: from digests that can be read, the tags of single
// records could be computed, and other sets with the same sum found.
func (p *Partition) readState(tx store.Tx, generation uint64) (state, error) {
	value, _ := tx.Meta(metaState)
	payload, err := p.root.OpenState(metaState, generation, value)
	if err != nil {
		return state{}, damaged("value %q is not the one of generation %d", metaState, generation)
	}
	s, ok := decodeState(payload)
	if !ok {
		return state{}, damaged("value %q has a wrong length", metaState)
	}
	return s, nil
}

// readAuth reads a PIN's record. Where there is none it is the zero one, or for a
// name what has been tried under it.
func (p *Partition) readAuth(tx store.Tx, of account) (auth, error) {
	a, there, err := p.readPIN(tx, of.meta)
	if err == nil && !there && of.name != "" {
		return p.readStranger(tx, of)
	}
	return a, err
}

// readPIN reads a PIN's record by the name of its value; the zero one if there is none.
func (p *Partition) readPIN(tx store.Tx, name string) (a auth, there bool, err error) {
	payload, _, err := p.readMeta(tx, name)
	if err != nil || payload == nil {
		return auth{}, false, err
	}
	if err := json.Unmarshal(payload, &a); err != nil {
		return auth{}, true, damaged("value %q: %w", name, err)
	}
	return a, true, nil
}
