package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
)

// The part of the schema of OCSF 1.3.0 that events are held to: what each class and
// object requires, and of what it demands at least one. Everything that is not here
// is not part of the schema, as far as Coffer uses it.
var (
	schema = map[string]struct {
		required, oneOf, optional []string
	}{
		"event": {
			required: []string{"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"},
			optional: []string{"activity_name", "category_name", "class_name", "type_name", "start_time", "end_time", "count",
				"status_id", "status_code", "message", "unmapped", "actor"},
		},
		"3002":         {required: []string{"user"}, oneOf: []string{"service", "dst_endpoint"}},
		"3004":         {required: []string{"entity"}},
		"6003":         {required: []string{"actor", "api", "src_endpoint"}, optional: []string{"resources"}},
		"metadata":     {required: []string{"product", "version"}, optional: []string{"log_name", "sequence", "uid", "event_code", "original_time"}},
		"product":      {required: []string{"vendor_name"}, oneOf: []string{"name", "uid"}, optional: []string{"version"}},
		"actor":        {oneOf: []string{"process", "user"}},
		"process":      {oneOf: []string{"pid", "uid"}, optional: []string{"name", "user"}},
		"user":         {oneOf: []string{"account", "name", "uid"}, optional: []string{"type_id"}},
		"service":      {oneOf: []string{"name", "uid"}},
		"entity":       {oneOf: []string{"name", "uid"}, optional: []string{"type"}},
		"resources":    {oneOf: []string{"name", "uid"}, optional: []string{"type"}},
		"api":          {required: []string{"operation"}, optional: []string{"service", "response"}},
		"response":     {optional: []string{"message"}},
		"src_endpoint": {oneOf: []string{"ip", "uid", "name", "hostname", "svc_name"}},
	}
	activities = map[string][]int{
		"3002": {1, 2, 3, 4, 5, 6, 99},
		"3004": {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 99},
		"6003": {1, 2, 3, 4, 99},
	}
	categories = map[string]int{"3002": 3, "3004": 3, "6003": 6}
)

// conforms holds an object to the schema: names are those of its rules.
func conforms(t *testing.T, where string, o map[string]any, names ...string) {
	t.Helper()
	known := map[string]bool{}
	for _, name := range names {
		rules, ok := schema[name]
		if !ok {
			t.Fatalf("%s: there is no schema of %s", where, name)
		}
		for _, a := range rules.required {
			if known[a] = true; o[a] == nil {
				t.Errorf("%s: %s lacks %s", where, name, a)
			}
		}
		some := len(rules.oneOf) == 0
		for _, a := range rules.oneOf {
			known[a] = true
			some = some || o[a] != nil
		}
		if !some {
			t.Errorf("%s: %s has none of %v", where, name, rules.oneOf)
		}
		for _, a := range rules.optional {
			known[a] = true
		}
	}
	for a, value := range o {
		if !known[a] {
			t.Errorf("%s: %v has no %s", where, names, a)
		}
		descend(t, where, a, value)
	}
}

func descend(t *testing.T, where, name string, value any) {
	t.Helper()
	switch value := value.(type) {
	case map[string]any:
		if name != "unmapped" { // it may have anything
			conforms(t, where+"."+name, value, name)
		}
	case []any:
		for i, v := range value {
			descend(t, fmt.Sprintf("%s[%d]", where, i), name, v)
		}
	case string:
		if value == "" {
			t.Errorf("%s.%s is empty", where, name)
		}
	}
}

// TestSchema holds an event of each act to the schema of its class.
func TestSchema(t *testing.T) {
	for line := range bytes.Lines(export(t, "ocsf", samples(t))) {
		var e map[string]any
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		number := func(name string) int { n, _ := e[name].(float64); return int(n) }
		class := fmt.Sprint(number("class_uid"))
		where := fmt.Sprint(e["metadata"].(map[string]any)["event_code"])
		conforms(t, where, e, "event", class)
		known := false
		for _, a := range activities[class] {
			known = known || a == number("activity_id")
		}
		status, severity := number("status_id"), number("severity_id")
		if !known || number("type_uid") != number("class_uid")*100+number("activity_id") || number("category_uid") != categories[class] ||
			status != 1 && status != 2 && status != 99 || severity < 1 || severity > 6 || number("time") < 1_700_000_000_000 {
			t.Errorf("%s: %s", where, line)
		}
	}
}
