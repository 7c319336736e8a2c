package main

import (
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

func newPartition(t *tool) *cobra.Command {
	c := &cobra.Command{
		Use:   "partition",
		Short: "Make, list, show and delete partitions",
		Long: `Make, list, show and delete partitions. A partition holds keys under two PINs;
PKCS #11 calls it a token, and it stands in a slot whose number never changes.`,
		Example: "  coffer partition create demo\n  coffer partition list",
		Args:    subcommandOnly,
		RunE:    showHelp,
	}
	c.AddCommand(newPartitionCreate(t), newPartitionList(t), newPartitionShow(t), newPartitionRotate(t), newPartitionDelete(t))
	return c
}

// partitionView is a partition as it is shown: the JSON of partition list, show
// and create.
type partitionView struct {
	Slot    uint64 `json:"slot"`
	Label   string `json:"label"`
	Serial  string `json:"serial"`
	State   string `json:"state"`    // "ok" or "broken"
	UserPIN string `json:"user_pin"` // a state of pinStates
	SOPIN   string `json:"so_pin"`
	Objects int    `json:"objects"`
	MinPIN  int    `json:"min_pin_length"`
	MaxPIN  int    `json:"max_pin_length"`
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
	state := "ok"
	if info.Flags&ck.CKF_ERROR_STATE != 0 {
		state = "broken"
	}
	return partitionView{
		Slot:    uint64(s.ID),
		State:   state,
		Label:   info.Label,
		Serial:  info.Serial,
		UserPIN: stateOf(info.Flags, userPINStates),
		SOPIN:   stateOf(info.Flags, soPINStates),
		Objects: info.Objects,
		MinPIN:  info.MinPIN,
		MaxPIN:  info.MaxPIN,
	}
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

func printPartition(w io.Writer, v partitionView) {
	printFields(w, [][2]string{
		{"Label", plain(v.Label)},
		{"Slot", strconv.FormatUint(v.Slot, 10)},
		{"Serial number", v.Serial},
		{"State", v.State},
		{"User PIN", v.UserPIN},
		{"SO PIN", v.SOPIN},
		{"PIN length", strconv.Itoa(v.MinPIN) + " to " + strconv.Itoa(v.MaxPIN) + " bytes"},
		{"Objects", strconv.Itoa(v.Objects)},
	})
}
