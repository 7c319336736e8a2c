package export

import "github.com/coffer-hsm/coffer/hsm/audit"

// severity is how much an act deserves to be looked at, in the numbers of OCSF's
// severity_id.
type severity int

const (
	informational severity = 1 + iota
	low
	medium
	high
)

// class is an OCSF event class.
type class struct {
	uid, category      int
	name, categoryName string
	activities         map[int]string
}

// The classes, by OCSF 1.3.0. Their activities are those that are used here; other is
// in all of them.
var (
	authentication = &class{3002, 3, "Authentication", "Identity & Access Management", map[int]string{logon: "Logon", logoff: "Logoff"}}
	management     = &class{3004, 3, "Entity Management", "Identity & Access Management",
		map[int]string{create: "Create", read: "Read", update: "Update", remove: "Delete", enable: "Enable", disable: "Disable"}}
	activity = &class{6003, 6, "API Activity", "Application Activity", nil}
)

// Activities of these classes.
const (
	logon  = 1
	logoff = 2

	create  = 1
	read    = 2
	update  = 3
	remove  = 4
	enable  = 8
	disable = 9

	other = 99
)

// What an act is done to, where it is not an object with an ID: an entity's type.
const (
	partition = "partition"
	pin       = "PIN"
	account   = "user"
	logs      = "audit log"
	object    = "object"
	homes     = "home"
	rootKey   = "root key"
	seals     = "sealed copy of the root key"
)

// row is what is said of an act. Its name begins a sentence.
type row struct {
	name     string
	class    *class
	activity int
	entity   string // of management
	severity severity
}

// acts is the one table: both formats are made from it.
var acts = map[audit.Act]row{
	audit.TokenInit:  {"Partition initialised", management, create, partition, high},
	audit.PINSet:     {"User PIN set", management, update, pin, medium},
	audit.PINChange:  {"PIN changed", management, update, pin, medium},
	audit.PINRecover: {"SO PIN recovered", management, update, pin, high},
	audit.PINLock:    {"PIN locked", management, disable, pin, high},
	audit.Login:      {"Login", authentication, logon, "", informational},
	audit.Prove:      {"PIN check", authentication, other, "", informational},
	audit.Logout:     {"Logout", authentication, logoff, "", informational},
	audit.UserCreate: {"User created", management, create, account, medium},
	audit.UserDelete: {"User deleted", management, remove, account, medium},
	audit.UserUnlock: {"User unlocked", management, enable, account, medium},
	audit.PolicySet:  {"PIN policy changed", management, update, partition, medium},
	audit.RotateKeys: {"Partition keys changed", management, update, partition, medium},
	audit.RotateRoot: {"Root key changed", management, update, rootKey, high},
	audit.Backup:     {"Backup", management, read, partition, medium},
	audit.Restore:    {"Restore", management, create, partition, high},
	audit.Repair:     {"Repair", management, update, partition, high},
	audit.Import:     {"Import", management, create, object, medium},
	audit.ConfigSet:  {"Audit configuration changed", management, update, logs, medium},
	audit.Accept:     {"Log and store accepted though they do not fit", management, update, logs, high},
	audit.AcceptTry:  {"SO PIN given to accept the log", authentication, other, "", medium},

	audit.Create:   {"Object created", management, create, object, low},
	audit.Generate: {"Key generated", management, create, object, low},
	audit.Unwrap:   {"Key unwrapped", management, create, object, low},
	audit.Derive:   {"Key derived", management, create, object, low},
	audit.Agree:    {"Key agreed", management, create, object, low},
	audit.Copy:     {"Object copied", management, create, object, low},
	audit.Modify:   {"Object changed", management, update, object, low},
	audit.Destroy:  {"Object destroyed", management, remove, object, medium},
	audit.Wrap:     {"Key wrapped out", management, read, object, medium},

	audit.HomeCreate:      {"Home made", management, create, homes, medium},
	audit.PartitionCreate: {"Partition made", management, create, partition, medium},
	audit.PartitionDelete: {"Partition deleted", management, remove, partition, high},
	audit.SealAdd:         {"Root key sealed with one thing more", management, create, seals, high},
	audit.SealRemove:      {"Sealed copy removed", management, remove, seals, high},
	audit.SealRekey:       {"Sealed copy exchanged", management, update, seals, high},
	audit.SealUnlock:      {"Home unlocked", management, enable, homes, medium},
	audit.SealLock:        {"Home locked", management, disable, homes, low},

	audit.Head:     {"Head of a log", management, read, logs, informational},
	audit.Anchored: {"Home anchored", management, update, logs, low},
	audit.LogBegin: {"Log begun", management, create, logs, medium},
	audit.LogCut:   {"Torn end of the log set aside", management, update, logs, medium},
	audit.UseBegin: {"Recording of uses begun", activity, other, "", informational},
	audit.UseEnd:   {"Recording of uses ended", activity, other, "", informational},

	audit.Sign:          {"Sign", activity, other, "", informational},
	audit.Verification:  {"Verify", activity, other, "", informational},
	audit.Encrypt:       {"Encrypt", activity, other, "", informational},
	audit.Decrypt:       {"Decrypt", activity, other, "", informational},
	audit.SignRecover:   {"Sign with recovery", activity, other, "", informational},
	audit.VerifyRecover: {"Verify with recovery", activity, other, "", informational},
	audit.UseWrap:       {"Wrap", activity, other, "", informational},
	audit.UseUnwrap:     {"Unwrap", activity, other, "", informational},
	audit.UseDerive:     {"Derive", activity, other, "", informational},
	audit.Encapsulate:   {"Encapsulate", activity, other, "", informational},
	audit.Decapsulate:   {"Decapsulate", activity, other, "", informational},
}

// rowOf finds the row of an act. One of a later version is told by its name.
func rowOf(a audit.Act) row {
	if r, ok := acts[a]; ok {
		return r
	}
	return row{string(a), management, other, logs, low}
}

// severityOf is that of the act, and more where it failed.
func severityOf(r *audit.Record) severity {
	s := rowOf(r.Act).severity
	if outcomeOf(r) == failed {
		s = max(s, medium)
	}
	return s
}

// activityName is that of the class, or what the act is called.
func (r row) activityName() string {
	if name, ok := r.class.activities[r.activity]; ok {
		return name
	}
	return r.name
}
