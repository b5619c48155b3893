package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
)

// Whatever comes in whatever order, from whomever: each link is in the log within the
// hour before each message that tells of it, also while writes fail.
func TestLinks_ReachTheLogWithinTheHour(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		h := newHouse(t)
		h.linkCache = rapid.SampledFrom([]int{0, 1, 3, 1 << 10}).Draw(r, "places")
		h.reopen(h.cfg)
		last := map[[2]string]int64{}
		read := 0
		for range rapid.IntRange(1, 40).Draw(r, "messages") {
			h.clock = h.clock.Add(time.Duration(rapid.IntRange(0, 40).Draw(r, "minutes")) * time.Minute)
			customer := rapid.SampledFrom([]string{"", "u", "v", "a@example.com"}).Draw(r, "customer")
			anonymous := rapid.SampledFrom([]string{"", "x", "y", "u"}).Draw(r, "anonymous")
			email := rapid.SampledFrom([]string{"", "a@example.com", "b@example.com", "B@example.com "}).Draw(r, "email")
			ago := time.Duration(rapid.IntRange(0, 300).Draw(r, "ago")) * time.Minute
			fails := rapid.IntRange(0, 5).Draw(r, "fails") == 0
			if fails {
				h.events.fail(kafkaio.ErrUnavailable)
			}
			body := fmt.Sprintf(`{"userId":%q,"anonymousId":%q,"timestamp":%q,"traits":{"email":%q}}`, customer, anonymous, h.clock.Add(-ago).Format(time.RFC3339), email)
			got := h.send(t, http.MethodPost, "/v1/identify", body, withKey)
			h.events.fail(nil)
			all := h.all(t)
			for _, e := range all[read:] {
				if isLink(e) {
					last[[2]string{e.Person, e.Properties.Strings[event.PropertyInto]}] = e.AcceptedAt
					if strings.Contains(e.Person, "@") || e.Person == e.Properties.Strings[event.PropertyInto] {
						r.Fatalf("got link %+v", e)
					}
				}
			}
			read = len(all)
			if fails || got.status != http.StatusOK {
				continue
			}
			ids := event.Identifiers{CustomerID: customer, Email: strings.TrimSpace(email), AnonymousID: anonymous}
			into := normalise.PersonKey(h.cfg.Keys, ids)
			weaker := []string{anonymous}
			if email != "" {
				weaker = append(weaker, h.cfg.Keys.EmailKey(email))
			}
			for _, w := range weaker {
				at, ok := last[[2]string{w, into}]
				if w != "" && w != into && (!ok || h.clock.UnixMilli()-at >= time.Hour.Milliseconds()) {
					r.Fatalf("%s: the link of %s to %s is not in the log of the hour", body, w, into)
				}
			}
		}
	})
}
