package console

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// Config is what console can be told. The names are those of the flags, so that it can
// be embedded in the settings of a larger program as it is.
type Config struct {
	Listen            string        `name:"console-listen" default:"127.0.0.1:8090" help:"Address of the read API. Without console-keys it has to be a loopback address."`
	Keys              []string      `name:"console-keys" secret:"true" help:"Keys that may read, each KEY or read=KEY, or file:PATH with one to a line. Several are valid at once, so that they can be changed without a gap."`
	Timeout           time.Duration `name:"console-timeout" default:"5s" help:"Time for an answer."`
	CountTimeout      time.Duration `name:"console-count-timeout" default:"1m" help:"Time for an answer that has everybody counted; a count that takes longer goes on, and the next request finds its result."`
	MaxRequests       int           `name:"console-max-requests" default:"64" help:"Requests worked on at once; more are answered 503."`
	MaxEvidence       int           `name:"console-max-evidence" default:"256" help:"Events read from the log for one explanation; the newest are."`
	Receipts          int           `name:"console-receipts" default:"200000" help:"Receipts of destinations kept in memory, about 250 bytes each."`
	ReceiptsPerPerson int           `name:"console-receipts-per-person" default:"100" help:"Receipts of one person among them; the newest are kept."`
	ReceiptsRecent    int64         `name:"console-receipts-recent" default:"20000" help:"Receipts of each partition read at the start; older ones are not known."`
}

// Bounds that nobody needs to change.
const (
	maxConnections = 1024
	beside         = 8                // requests to the log at once, for one explanation
	counting       = 10 * time.Minute // for a whole count
	fresh          = 10 * time.Second // how long a count answers the next question
)

// Validate lists everything that is wrong.
func (c *Config) Validate() error {
	var errs []error
	between := func(name string, n, least, most int64) {
		if n < least || n > most {
			errs = append(errs, fmt.Errorf("%s is %d: give %d to %d", name, n, least, most))
		}
	}
	lasting := func(name string, d, least, most time.Duration) {
		if d < least || d > most {
			errs = append(errs, fmt.Errorf("%s is %s: give %s to %s", name, d, least, most))
		}
	}
	host, _, err := net.SplitHostPort(c.Listen)
	switch {
	case err != nil:
		errs = append(errs, fmt.Errorf("console-listen is %q: give host:port", c.Listen))
	case len(c.Keys) == 0 && !loopback(host):
		errs = append(errs, fmt.Errorf("console-listen is %s and nobody needs a key there: set console-keys, or listen on 127.0.0.1", c.Listen))
	}
	lasting("console-timeout", c.Timeout, 10*time.Millisecond, time.Minute)
	lasting("console-count-timeout", c.CountTimeout, time.Second, 10*time.Minute)
	between("console-max-requests", int64(c.MaxRequests), 1, 1<<16)
	between("console-max-evidence", int64(c.MaxEvidence), 1, 10_000)
	between("console-receipts", int64(c.Receipts), 1, 1<<26)
	between("console-receipts-per-person", int64(c.ReceiptsPerPerson), 1, 10_000)
	between("console-receipts-recent", c.ReceiptsRecent, 0, 1<<26)
	return errors.Join(errs...)
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback()
}
