package export

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/coffer-hsm/coffer/hsm/audit"
)

// ocsfVersion is the version of the schema that events are of (schema.ocsf.io).
const ocsfVersion = "1.3.0"

// The objects of OCSF that events are made of, with the attributes that are used.
type (
	event struct {
		Activity     int    `json:"activity_id"`
		ActivityName string `json:"activity_name"`
		Category     int    `json:"category_uid"`
		CategoryName string `json:"category_name"`
		Class        int    `json:"class_uid"`
		ClassName    string `json:"class_name"`
		Type         int    `json:"type_uid"`
		TypeName     string `json:"type_name"`

		Time     int64  `json:"time"` // milliseconds since 1970, as all that follow
		Start    int64  `json:"start_time,omitempty"`
		End      int64  `json:"end_time,omitempty"`
		Count    uint64 `json:"count,omitempty"`
		Severity int    `json:"severity_id"`
		Status   int    `json:"status_id"`
		Code     string `json:"status_code"`
		Message  string `json:"message"`

		Actor     actor      `json:"actor"`
		User      *user      `json:"user,omitempty"`
		Service   *named     `json:"service,omitempty"`
		Entity    *entity    `json:"entity,omitempty"`
		API       *call      `json:"api,omitempty"`
		Endpoint  *endpoint  `json:"src_endpoint,omitempty"`
		Resources []resource `json:"resources,omitempty"`

		Metadata metadata       `json:"metadata"`
		Unmapped map[string]any `json:"unmapped,omitempty"`
	}
	metadata struct {
		Version      string `json:"version"`
		Product      vended `json:"product"`
		LogName      string `json:"log_name"`
		Sequence     int64  `json:"sequence"`
		UID          string `json:"uid"`
		EventCode    string `json:"event_code"`
		OriginalTime string `json:"original_time"`
	}
	vended struct {
		Name    string `json:"name"`
		Vendor  string `json:"vendor_name"`
		Version string `json:"version"`
	}
	actor struct {
		Process process `json:"process"`
		User    *user   `json:"user,omitempty"`
	}
	process struct {
		Name string `json:"name"`
		PID  int    `json:"pid"`
		User user   `json:"user"`
	}
	user struct {
		Name string `json:"name,omitempty"`
		UID  string `json:"uid,omitempty"`
		Type int    `json:"type_id"`
	}
	named struct {
		Name string `json:"name"`
		UID  string `json:"uid"`
	}
	entity struct {
		UID  string `json:"uid"`
		Type string `json:"type"`
	}
	resource entity
	call     struct {
		Operation string   `json:"operation"`
		Service   named    `json:"service"`
		Response  response `json:"response"`
	}
	response struct {
		Message string `json:"message"`
	}
	endpoint struct {
		Name    string `json:"name"`
		Service string `json:"svc_name"`
	}
)

// Values of user.type_id and of status_id.
const (
	unknownUser = 0
	plainUser   = 1
	adminUser   = 2
)

var ocsfStatus = map[outcome]int{succeeded: 1, failed: 2, begun: other}

func ocsf(w io.Writer, s Source) Printer {
	return func(r *audit.Record) error { return writeJSON(w, newEvent(r, s)) }
}

// newEvent makes the event of a record.
func newEvent(r *audit.Record, s Source) *event {
	row := rowOf(r.Act)
	c := row.class
	e := &event{
		Activity: row.activity, ActivityName: printable(row.activityName()),
		Category: c.category, CategoryName: c.categoryName, Class: c.uid, ClassName: c.name,
		Type: c.uid*100 + row.activity, Severity: int(severityOf(r)),
		Time: r.Time.UnixMilli(), Count: r.Count,
		Status: ocsfStatus[outcomeOf(r)], Code: printable(r.Result), Message: describe(r),
		Actor: actor{Process: process{printable(r.Program), r.PID, user{UID: strconv.Itoa(r.UID)}}},
		Metadata: metadata{ocsfVersion, vended{product, vendor, s.Version}, s.Log, r.Seq,
			fmt.Sprintf("%s/%d", s.Log, r.Seq), printable(string(r.Act)), r.Time.UTC().Format(time.RFC3339Nano)},
		Unmapped: unmapped(r),
	}
	e.TypeName = c.name + ": " + e.ActivityName
	if r.First != nil && r.Last != nil {
		e.Start, e.End = r.First.UnixMilli(), r.Last.UnixMilli()
	}
	if r.Who != "" {
		e.Actor.User = userOf(r)
	}
	e.classify(r, s, row)
	return e
}

// classify adds what the class of the event demands.
func (e *event) classify(r *audit.Record, s Source, row row) {
	switch row.class {
	case authentication:
		e.User, e.Service = userOf(r), &named{"PKCS #11 token", s.Log}
	case management:
		e.Entity = entityOf(r, s, row.entity)
	case activity:
		e.API = &call{printable(string(r.Act)), named{"PKCS #11", s.Log}, response{printable(r.Result)}}
		e.Endpoint = &endpoint{"localhost", printable(r.Program)}
		if r.Object != "" {
			e.Resources = []resource{resource(*entityOf(r, s, ""))}
		}
	}
}

// userOf is who did it, as the partition knows them.
func userOf(r *audit.Record) *user {
	switch r.Who {
	case "", "unknown", "public":
		return &user{Name: orElse(r.Who, "unknown"), Type: unknownUser}
	case "so":
		return &user{Name: r.Who, Type: adminUser}
	}
	return &user{Name: printable(r.Who), Type: plainUser}
}

// entityOf is the object that it was done to, or else something of the log's partition
// or home.
func entityOf(r *audit.Record, s Source, kind string) *entity {
	if r.Object != "" {
		return &entity{printable(r.Object), printable(orElse(r.Class, object))}
	}
	return &entity{s.Log, orElse(kind, logs)}
}

// unmapped is what OCSF has no attribute for.
func unmapped(r *audit.Record) map[string]any {
	m := map[string]any{}
	for name, value := range map[string]string{"key_type": r.KeyType, "mechanism": r.Mechanism, "detail": r.Detail} {
		if value != "" {
			m[name] = printable(value)
		}
	}
	if r.Generation != 0 {
		m["generation"] = r.Generation
	}
	if r.Slot != 0 {
		m["slot"] = r.Slot
	}
	if r.Of != 0 {
		m["begun_in_record"] = r.Of
	}
	return m
}

func orElse(s, none string) string {
	if s == "" {
		return none
	}
	return s
}
