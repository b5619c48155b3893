package saleswingstest

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Call is what a fault sees of a request.
type Call struct {
	Request *http.Request
	Items   int
	// TransitionIDs has one entry per item, "" where an item carries none.
	TransitionIDs []string

	asked  time.Time
	take   func()
	failed map[int]itemError
}

type itemError struct {
	status  int
	message string
}

// Fault decides about one request. It returns true when it has answered; otherwise
// the server goes on and takes the items that the fault did not fail.
type Fault func(w http.ResponseWriter, call *Call) bool

// Status answers with a status and takes nothing.
func Status(status int) Fault {
	return func(w http.ResponseWriter, _ *Call) bool {
		writeJSON(w, status, map[string]string{"message": http.StatusText(status)})
		return true
	}
}

// RateLimited answers 429 with Retry-After in whole seconds.
func RateLimited(after time.Duration) Fault {
	return func(w http.ResponseWriter, _ *Call) bool {
		w.Header().Set("Retry-After", strconv.Itoa(int(after.Seconds())))
		writeJSON(w, http.StatusTooManyRequests, map[string]string{"message": "slow down"})
		return true
	}
}

// FailItems fails items by index with a status of their own and takes the others (207).
func FailItems(status int, indexes ...int) Fault {
	return func(_ http.ResponseWriter, call *Call) bool {
		for _, i := range indexes {
			if i < call.Items {
				call.failed[i] = itemError{status, "item failed"}
			}
		}
		return false
	}
}

// Hang never answers and takes nothing; it ends when the client gives up.
func Hang() Fault {
	return func(_ http.ResponseWriter, call *Call) bool {
		<-call.Request.Context().Done()
		return true
	}
}

// TakeAndHang takes everything and never says so: the outcome is ambiguous.
func TakeAndHang() Fault {
	return func(_ http.ResponseWriter, call *Call) bool {
		call.take()
		<-call.Request.Context().Done()
		return true
	}
}

// TakeAndBreak takes everything and breaks the connection in place of an answer.
func TakeAndBreak() Fault {
	return func(_ http.ResponseWriter, call *Call) bool {
		call.take()
		panic(http.ErrAbortHandler)
	}
}

// Redirect answers 307 to another address.
func Redirect(to string) Fault {
	return func(w http.ResponseWriter, call *Call) bool {
		http.Redirect(w, call.Request, to, http.StatusTemporaryRedirect)
		return true
	}
}

// Body answers a status with a body of one's own and takes nothing.
func Body(status int, contentType, body string) Fault {
	return func(w http.ResponseWriter, _ *Call) bool {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	}
}

// RefuseBatchWith refuses every batch that holds the transition with 400 as a whole,
// as a server does that cannot decode one item.
func RefuseBatchWith(transitionID string) Fault {
	return func(w http.ResponseWriter, call *Call) bool {
		if slices.Contains(call.TransitionIDs, transitionID) {
			return Status(http.StatusBadRequest)(w, call)
		}
		return false
	}
}

// FailTransition fails one transition with a status of its own wherever it turns up.
func FailTransition(status int, transitionID string) Fault {
	return func(w http.ResponseWriter, call *Call) bool {
		if i := slices.Index(call.TransitionIDs, transitionID); i >= 0 {
			return FailItems(status, i)(w, call)
		}
		return false
	}
}
