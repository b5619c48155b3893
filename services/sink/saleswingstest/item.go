package saleswingstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// item is one element of a batch as it came in.
type item struct {
	surface, kind string
	raw           json.RawMessage
}

// read checks an item as strictly as the description of its surface allows: above
// all the time, which is text on one surface and a number on the other.
func (it item) read() (Activity, error) {
	if it.surface == "core" {
		return it.readCore()
	}
	return it.readSegment()
}

func strict(raw json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func (it item) readSegment() (Activity, error) {
	var e struct {
		UserID      string         `json:"userID"`
		AnonymousID string         `json:"anonymousID"`
		Email       string         `json:"email"`
		Kind        string         `json:"kind"`
		Data        string         `json:"data"`
		Timestamp   string         `json:"timestamp"`
		Values      map[string]any `json:"values"`
	}
	if err := strict(it.raw, &e); err != nil {
		return Activity{}, err
	}
	at, err := time.Parse("2006-01-02T15:04:05.000Z", e.Timestamp)
	switch {
	case err != nil:
		return Activity{}, errors.New("timestamp is not ISO-8601 with milliseconds")
	case e.UserID == "" && e.AnonymousID == "" && e.Email == "":
		return Activity{}, errors.New("one of userID, anonymousID, email is needed")
	case !strings.EqualFold(e.Kind, it.kind):
		return Activity{}, fmt.Errorf("kind %q on the path of %q", e.Kind, it.kind)
	case e.Kind == "Identify" && e.Email == "":
		return Activity{}, errors.New("identify needs an email")
	case e.Data == "":
		return Activity{}, errors.New("data is missing")
	}
	a := Activity{
		Surface: it.surface, Kind: e.Kind, Data: e.Data, UserID: e.UserID,
		AnonymousID: e.AnonymousID, Email: e.Email, Timestamp: at, Values: e.Values,
	}
	return withValues(a)
}

func (it item) readCore() (Activity, error) {
	var e struct {
		Type     string `json:"type"`
		LeadRefs []struct {
			Type  string `json:"type"`
			Value string `json:"value"`
		} `json:"leadRefs"`
		Kind      string         `json:"kind"`
		Data      string         `json:"data"`
		Timestamp *int64         `json:"timestamp"`
		Values    map[string]any `json:"values"`
	}
	if err := strict(it.raw, &e); err != nil {
		return Activity{}, err
	}
	switch {
	case e.Type != "tracking":
		return Activity{}, fmt.Errorf("type %q", e.Type)
	case len(e.LeadRefs) == 0:
		return Activity{}, errors.New("leadRefs is empty")
	case e.Kind == "" || e.Data == "" || e.Values == nil:
		return Activity{}, errors.New("kind, data and values are needed")
	case e.Timestamp == nil || *e.Timestamp < 1e11:
		return Activity{}, errors.New("timestamp is not in epoch milliseconds")
	}
	a := Activity{Surface: it.surface, Kind: e.Kind, Data: e.Data, Timestamp: time.UnixMilli(*e.Timestamp).UTC(), Values: e.Values}
	for i, ref := range e.LeadRefs {
		switch {
		case ref.Type == "email":
			a.Email = ref.Value
		case ref.Type != "client-id" || ref.Value == "":
			return Activity{}, fmt.Errorf("leadRefs %d: type %q", i, ref.Type)
		case a.UserID == "":
			a.UserID = ref.Value
		default:
			a.AnonymousID = ref.Value
		}
	}
	return withValues(a)
}

// withValues refuses what the vendor's connector would remove: everything but scalars.
func withValues(a Activity) (Activity, error) {
	for key, v := range a.Values {
		switch v.(type) {
		case string, float64, bool:
		default:
			return Activity{}, fmt.Errorf("values.%s is no scalar", key)
		}
		if strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return Activity{}, fmt.Errorf("values.%s is not snake_case", key)
		}
	}
	a.TransitionID, _ = a.Values["transition_id"].(string)
	if a.Kind == "Track" && a.TransitionID == "" {
		return Activity{}, errors.New("values.transition_id is missing")
	}
	return a, nil
}
