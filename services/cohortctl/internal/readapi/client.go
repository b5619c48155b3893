// Package readapi asks the read API, which console serves: who is in which cohort, and
// why. What does not go well is told with what to do about it.
package readapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxAnswer = 64 << 20        // bytes
	maxPause  = 5 * time.Second // between two questions, whatever the server says
)

// Client asks one server.
type Client struct {
	base *url.URL
	key  string
	http *http.Client
}

// New makes a client for an address like https://console.example.com; without a key it
// sends none.
func New(address, key string) (*Client, error) {
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.RawQuery != "" || base.User != nil {
		return nil, fmt.Errorf("%q is no address of a read API: write it as http://127.0.0.1:8090 or https://console.example.com", address)
	}
	base.Path = strings.TrimSuffix(base.Path, "/")
	return &Client{base: base, key: key, http: &http.Client{
		// A key goes to the address that was named and to no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// ProblemError is an answer of the server that says why there is none. See RFC 9457.
type ProblemError struct {
	Type   string `json:"type"` // urn:cohortflow:problem: and a word
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy"`
}

func (p *ProblemError) Error() string {
	text := p.Detail
	if p.Remedy != "" && p.Remedy != "see the detail" {
		text += ": " + p.Remedy
	}
	return text
}

// Get asks for a path, given part by part, into an answer, and gives the answer's text as
// well. While the server says that it is busy or counting, it asks again until ctx ends.
func (c *Client) Get(ctx context.Context, query url.Values, into any, path ...string) ([]byte, error) {
	u := *c.base
	escaped := make([]string, len(path))
	for i, part := range path {
		escaped[i] = url.PathEscape(part)
	}
	u.Path = strings.Join(append([]string{u.Path}, path...), "/")
	u.RawPath = strings.Join(append([]string{c.base.EscapedPath()}, escaped...), "/")
	u.RawQuery = query.Encode()
	var busy error
	for {
		text, after, err := c.once(ctx, &u, into)
		if err == nil || after == 0 {
			if err != nil && busy != nil && errors.Is(err, context.DeadlineExceeded) {
				err = fmt.Errorf("%w (asked until --timeout was over)", busy)
			}
			return text, err
		}
		busy = err
		timer := time.NewTimer(after)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("%w (asked until --timeout was over)", busy)
		}
	}
}

// once asks once; after is when to ask again, 0 = not again.
func (c *Client) once(ctx context.Context, u *url.URL, into any) (text []byte, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Accept", "application/json")
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		// The library's words hold the whole path, and with it the person.
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return nil, 0, fmt.Errorf("the read API at %s does not answer (%w): start console, or give its address with --url", c.base, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if text, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return nil, 0, fmt.Errorf("the answer of %s broke off: %w", c.base, err)
	}
	if resp.StatusCode == http.StatusOK {
		if err = json.Unmarshal(text, into); err != nil {
			return nil, 0, c.stranger(resp)
		}
		return text, 0, nil
	}
	var p ProblemError
	if json.Unmarshal(text, &p) != nil || p.Detail == "" {
		return nil, 0, c.stranger(resp)
	}
	// What is to be done is told in the words of this command.
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		p.Remedy = "give one of console's keys with --key, also as file:PATH, or in COHORTFLOW_KEY"
	case strings.HasSuffix(p.Type, ":unknown_cohort"):
		p.Remedy = "cohortctl cohorts list shows them"
	case strings.HasSuffix(p.Type, ":unknown_person"):
		p.Remedy = "say with --by what the id is; somebody new is known as soon as the log is worked off"
	case resp.StatusCode == http.StatusServiceUnavailable:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		after = min(time.Duration(seconds)*time.Second, maxPause)
	}
	return nil, after, &p
}

// stranger is the error for an answer that no read API gives.
func (c *Client) stranger(resp *http.Response) error {
	return fmt.Errorf("what answers at %s is no read API (%s): give console's address with --url", c.base, resp.Status)
}
