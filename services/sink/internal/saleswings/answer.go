package saleswings

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// verdict is what an answer means for one activity.
type verdict uint8

const (
	verdictDelivered verdict = iota
	verdictRetry             // not taken this time
	verdictAmbiguous         // sent, and nobody knows whether it was taken
	verdictRefused           // the same activity will be refused again
	verdictHold              // nothing will be taken until somebody changes the set-up
	verdictSplit             // the batch was refused as a whole: halves tell which part of it is at fault
)

// result is the verdict on one activity.
type result struct {
	verdict verdict
	status  int    // HTTP status, of the item where the answer has one; 0 = no answer
	message string // nothing personal
}

// answer is what came of one request.
type answer struct {
	items      []result // one per activity, in order
	retryAfter time.Duration
}

func all(n int, r result) answer {
	items := make([]result, n)
	for i := range items {
		items[i] = r
	}
	return answer{items: items}
}

// healthy says whether the destination is in working order: it answered, and what
// it refused it refused for the activity's own sake.
func (a answer) healthy() bool {
	for _, r := range a.items {
		switch r.verdict {
		case verdictDelivered, verdictRefused, verdictSplit:
			return true
		case verdictRetry, verdictAmbiguous, verdictHold:
		}
	}
	return len(a.items) == 0
}

// readAnswer judges a response to n activities. The key is what was sent with them, which nothing may repeat.
func readAnswer(n, status int, header http.Header, body []byte, key string, now time.Time) answer {
	switch {
	case status >= 200 && status < 300:
		return readSuccess(n, status, header, body, key)
	case transient(status):
		r := result{verdictRetry, status, http.StatusText(status)}
		if status == http.StatusGatewayTimeout {
			r.verdict = verdictAmbiguous // the gateway gave up, the server may not have
		}
		a := all(n, r)
		a.retryAfter = retryAfter(header.Get("Retry-After"), now)
		return a
	case refusesContent(status) && n > 1:
		return all(n, result{verdictSplit, status, http.StatusText(status)})
	case refusesContent(status):
		return all(n, result{verdictRefused, status, scrub(errorText(body), key)})
	}
	return all(n, result{verdictHold, status, http.StatusText(status)})
}

// transient statuses are worth another attempt: those the vendor's own framework
// retries.
func transient(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusLocked, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented:
		return false
	}
	return status >= 500
}

// refusesContent statuses speak of the batch, not of the credentials or the address.
// For those nothing is thrown away: a wrong key must not empty the queue.
func refusesContent(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// multiStatus lists the failed items of a batch; index is the place in the request.
type multiStatus struct {
	Error          *int `json:"error"`
	ErrorResponses []struct {
		Status  int    `json:"status"`
		Message string `json:"message"`
		Index   *int   `json:"index"`
	} `json:"errorResponses"`
}

// readSuccess reads a 207 item by item, and the plain success of older servers.
func readSuccess(n, status int, header http.Header, body []byte, key string) answer {
	if kind, _, err := mime.ParseMediaType(header.Get("Content-Type")); err == nil && kind == "text/html" {
		return all(n, result{verdictRetry, status, "a web page in place of an answer"})
	}
	var m multiStatus
	err := json.Unmarshal(body, &m)
	if status != http.StatusMultiStatus && (err != nil || len(m.ErrorResponses) == 0) {
		return all(n, result{verdictDelivered, status, ""})
	}
	if err == nil && m.Error != nil && *m.Error != len(m.ErrorResponses) {
		err = errors.New("its counts contradict its list")
	}
	a := all(n, result{verdictDelivered, status, ""})
	for _, e := range m.ErrorResponses {
		if e.Index == nil || *e.Index < 0 || *e.Index >= n {
			err = errors.New("it names an item that was not sent")
			break
		}
		r := result{verdictRefused, e.Status, scrub(e.Message, key)}
		if transient(e.Status) {
			r.verdict = verdictRetry
		}
		a.items[*e.Index] = r
	}
	if err != nil {
		return all(n, result{verdictAmbiguous, status, fmt.Sprintf("unreadable multi-status answer: %.60s", scrub(err.Error(), key))})
	}
	return a
}

// retryAfter reads both forms of the header; 0 when there is none.
func retryAfter(text string, now time.Time) time.Duration {
	const most = time.Hour
	if seconds, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
		return min(max(0, time.Duration(min(seconds, 3600))*time.Second), most)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, at.Sub(now)), most)
	}
	return 0
}

func errorText(body []byte) string {
	var e struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &e) == nil {
		return e.Message
	}
	return ""
}

// scrub shortens a foreign text and blots out the key, every word that could be personal, and what is
// too long for a word, such as a key in another form: servers like to repeat what they did not understand.
func scrub(text, key string) string {
	const most, longest = 160, 40
	if key != "" {
		text = strings.ReplaceAll(text, key, blot)
	}
	words := strings.Fields(text)
	for i, w := range words {
		digits := 0
		plain := true
		for _, r := range w {
			switch {
			case unicode.IsDigit(r):
				digits++
			case r > unicode.MaxASCII, r == '@', r == '"', r == '\'', unicode.IsControl(r):
				plain = false
			}
		}
		if !plain || digits > 4 || len(w) > longest {
			words[i] = blot
		}
	}
	text = strings.Join(words, " ")
	if len(text) > most {
		text = text[:most]
	}
	return text
}

const blot = "***"
