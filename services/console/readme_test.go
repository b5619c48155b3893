package console_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/cohortflow/cohortflow/services/console"
)

// The table of settings names every setting and its default.
func TestReadme_ListsEverySetting(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for field := range reflect.TypeFor[console.Config]().Fields() {
		if row := "| `" + field.Tag.Get("name") + "` | " + field.Tag.Get("default"); !strings.Contains(string(text), row) {
			t.Errorf("README.md: no row %s", row)
		}
	}
}

func TestConfig_AnOpenDoorIsAnError(t *testing.T) {
	sound := console.Config{
		Listen: "127.0.0.1:8090", Timeout: 5e9, CountTimeout: 60e9, MaxRequests: 1, MaxEvidence: 1, Receipts: 1, ReceiptsPerPerson: 1,
	}
	for listen, open := range map[string]bool{
		"127.0.0.1:8090": false, "localhost:8090": false, "[::1]:8090": false,
		":8090": true, "0.0.0.0:8090": true, "[::]:8090": true, "10.0.0.1:8090": true, "console.example.com:8090": true,
	} {
		c := sound
		c.Listen = listen
		if err := c.Validate(); (err != nil) != open || err != nil && !strings.Contains(err.Error(), "console-keys") {
			t.Errorf("%s without keys: got %v", listen, err)
		}
		c.Keys = []string{"a-key-to-read-with"}
		if err := c.Validate(); err != nil {
			t.Errorf("%s with a key: got %v", listen, err)
		}
	}
	var nothing console.Config
	for _, name := range []string{"console-listen", "console-timeout", "console-count-timeout", "console-max-requests", "console-max-evidence", "console-receipts", "console-receipts-per-person"} {
		if err := nothing.Validate(); err == nil || !strings.Contains(err.Error(), name+" is ") {
			t.Errorf("%s is not named in %v", name, err)
		}
	}
}
