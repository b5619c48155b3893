package api

import (
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/seal"
)

// maxID bounds an id in bytes; ingest takes none that is longer.
const maxID = 512

// cioPrefix marks Customer.io's own ids, as in the paths of its Track API.
const cioPrefix = "cio_"

// personKey says under which key the person of an id is kept. Without by the id's shape
// tells its kind, as it does at ingest: an email has an @, Customer.io's own id begins
// with cio_, else it is the shop's.
func personKey(keys *seal.Keys, id, by string) (string, *Problem) {
	if id == "" || len(id) > maxID {
		return "", invalid("id", "the id is empty or longer than 512 bytes", "give the id of one person")
	}
	switch by {
	case "", "customer_id":
		// A customer id that is an email is kept under its hash, like any email.
		return seal.PersonKey(keys, event.Identifiers{CustomerID: id}), nil
	case "email":
		if !strings.Contains(id, "@") {
			return "", invalid("id", "the id is no email", "give an email, or leave by out")
		}
		return keys.EmailKey(id), nil
	case "anonymous_id", "key":
		return id, nil
	case "cio_id":
		return cioPrefix + strings.TrimPrefix(id, cioPrefix), nil
	}
	return "", invalid("by", "this kind of id is not known", "give customer_id, email, anonymous_id, cio_id or key, or leave by out")
}
