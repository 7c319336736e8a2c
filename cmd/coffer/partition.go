package main

import (
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

func newPartition(t *tool) *cobra.Command {
	return parent(&cobra.Command{
		Use:   "partition",
		Short: "Make, list, show, set and delete partitions",
		Long: `Make, list, show, set and delete partitions. A partition holds keys under two PINs;
PKCS #11 calls it a token, and it stands in a slot whose number never changes.`,
		Example: "  coffer partition create demo\n  coffer partition list",
	}, newPartitionCreate(t), newPartitionList(t), newPartitionShow(t), newPartitionSet(t),
		newPartitionRotate(t), newPartitionRecover(t), newPartitionDelete(t))
}

// partitionArgument names the argument of commands about one partition.
const partitionArgument = "the PARTITION, by label, serial number or slot,"

// onPartition makes of c a command that does f with the partition that its argument names.
func (t *tool) onPartition(c *cobra.Command, f func(*hsm.Module, api.Slot) error) *cobra.Command {
	c.Args, c.ValidArgsFunction = oneArgument(partitionArgument), completePartition
	c.RunE = func(_ *cobra.Command, args []string) error { return t.withPartition(args[0], f) }
	return c
}

// What partitionView.State is.
const (
	stateOK     = "ok"
	stateFull   = "full" // what was done last waits for room, and nothing can be changed
	stateBroken = "broken"
)

// partitionView is a partition as it is shown: the JSON of partition list, show
// and create.
type partitionView struct {
	Slot    uint64 `json:"slot"`
	Label   string `json:"label"`
	Serial  string `json:"serial"`
	State   string `json:"state"`    // stateOK, stateFull or stateBroken
	UserPIN string `json:"user_pin"` // a state of pinStates
	SOPIN   string `json:"so_pin"`
	Objects int    `json:"objects"`
	MinPIN  int    `json:"min_pin_length"`
	MaxPIN  int    `json:"max_pin_length"`
	Made    string `json:"made"`      // RFC 3339; empty if it cannot be told
	Policy  string `json:"policy"`    // for keys: "strict" or "standard"
	Dates   bool   `json:"key_dates"` // whether keys are used between their dates only
	Tries   int    `json:"pin_tries"`
	After   int    `json:"pin_delay_after"`
	Delay   int    `json:"pin_delay_seconds"` // 0: none

	pins api.PINPolicy
}

// pinState is a flag of the token and the word for it, the worst first.
type pinState struct {
	flag ck.Flags
	word string
}

var (
	userPINStates = []pinState{
		{ck.CKF_USER_PIN_LOCKED, "locked"},
		{ck.CKF_USER_PIN_FINAL_TRY, "final try"},
		{ck.CKF_USER_PIN_COUNT_LOW, "wrong tries"},
		{ck.CKF_USER_PIN_INITIALIZED, "set"},
	}
	soPINStates = []pinState{
		{ck.CKF_SO_PIN_LOCKED, "locked"},
		{ck.CKF_SO_PIN_FINAL_TRY, "final try"},
		{ck.CKF_SO_PIN_COUNT_LOW, "wrong tries"},
		{ck.CKF_TOKEN_INITIALIZED, "set"},
	}
)

func stateOf(flags ck.Flags, states []pinState) string {
	for _, s := range states {
		if flags&s.flag != 0 {
			return s.word
		}
	}
	return "not set"
}

func viewPartition(s api.Slot) partitionView {
	info := s.Partition.Info()
	v := partitionView{
		Slot:    uint64(s.ID),
		State:   partitionState(s.Partition, info.Flags),
		Label:   info.Label,
		Serial:  info.Serial,
		UserPIN: pinWord(info.UserHeld, info.UserBusy, stateOf(info.Flags, userPINStates)),
		SOPIN:   pinWord(info.SOHeld, info.SOBusy, stateOf(info.Flags, soPINStates)),
		Objects: info.Objects,
		MinPIN:  info.MinPIN,
		MaxPIN:  info.MaxPIN,
		Policy:  info.Policy,
		Dates:   info.Dates,
		Tries:   info.PIN.Tries,
		After:   info.PIN.DelayAfter,
		Delay:   int(info.PIN.Delay / time.Second),
		pins:    info.PIN,
	}
	if v.State == stateBroken {
		v.UserPIN, v.SOPIN = "unknown", "unknown"
	}
	if !info.Created.IsZero() {
		v.Made = info.Created.Format(time.RFC3339)
	}
	return v
}

// partitionState says whether a partition can be used.
func partitionState(p api.Partition, flags ck.Flags) string {
	if flags&ck.CKF_ERROR_STATE != 0 {
		return stateBroken
	}
	if p, ok := p.(interface{ Waiting() error }); ok && p.Waiting() != nil {
		return stateFull
	}
	return stateOK
}

// pinWord is the state of a PIN that is refused for a while, or whose tries are all
// under way, or else state.
func pinWord(held time.Duration, busy bool, state string) string {
	switch {
	case held > 0:
		return "held back"
	case busy:
		return "tries under way"
	}
	return state
}

// viewPartitions is never nil: an empty list is [] in JSON.
func viewPartitions(m api.Module) []partitionView {
	views := []partitionView{}
	for _, s := range partitions(m) {
		views = append(views, viewPartition(s))
	}
	return views
}

func printPartitions(w io.Writer, views []partitionView) {
	rows := make([][]string, len(views))
	for i, v := range views {
		rows[i] = []string{strconv.FormatUint(v.Slot, 10), plain(v.Label), orDash(v.Serial), v.State, v.UserPIN, v.SOPIN, strconv.Itoa(v.Objects)}
	}
	printTable(w, []string{"SLOT", "LABEL", "SERIAL", "STATE", "USER PIN", "SO PIN", "OBJECTS"}, rows)
}

// keyDates says whether CKA_START_DATE and CKA_END_DATE are held.
var keyDates = map[bool]string{true: "enforced", false: "not enforced"}

func printPartition(w io.Writer, v partitionView) {
	printFields(w, [][2]string{
		{"Label", plain(v.Label)},
		{"Slot", strconv.FormatUint(v.Slot, 10)},
		{"Serial number", v.Serial},
		{"State", v.State},
		{"User PIN", v.UserPIN},
		{"SO PIN", v.SOPIN},
		{"PIN length", strconv.Itoa(v.MinPIN) + " to " + strconv.Itoa(v.MaxPIN) + " bytes"},
		{"PIN tries", strconv.Itoa(v.Tries)},
		{"PIN delay", describeDelay(v.pins)},
		{"Policy", orDash(v.Policy)},
		{"Key dates", keyDates[v.Dates]},
		{"Made", orDash(v.Made)},
		{"Objects", strconv.Itoa(v.Objects)},
	})
}
