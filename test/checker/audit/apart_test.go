package audit

import (
	"os/exec"
	"strings"
	"testing"
)

// The checker shares nothing with what it judges but the schemas.
func TestAudit_SharesNoCodeWithTheProduct(t *testing.T) {
	const module = "github.com/cohortflow/cohortflow/"
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", module+"test/checker").Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.FieldsSeq(string(out)) {
		switch {
		case !strings.HasPrefix(path, module), path == module+"schemas", strings.HasPrefix(path, module+"test/checker"):
		default:
			t.Errorf("it imports %s", path)
		}
		for _, library := range []string{"segmentio/kafka-go", "linkedin/goavro", "redis/go-redis"} {
			if strings.Contains(path, library) {
				t.Errorf("it imports %s, a library of the product", path)
			}
		}
	}
}
