package settings

import (
	"os"

	"github.com/google/uuid"
)

// Instance is the name of this process where it writes one: the given one, else the
// host's with a random part. It tells processes apart and decides nothing.
func Instance(given, service string) string {
	if given != "" {
		return given
	}
	host, err := os.Hostname()
	if err != nil {
		host = service
	}
	return host + "-" + uuid.NewString()[:8]
}
