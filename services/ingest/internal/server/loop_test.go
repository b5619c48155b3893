package server

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
)

// What we have told others and what comes back is kept, answered 200 on every surface,
// and never in the log.
func TestLoop_WhatIsOursIsRefusedOnEverySurface(t *testing.T) {
	values := `{"transition_id":"0-1-0","version":3,"cohort":"cart_abandoner_24h","change":"entered","effective_at":"2022-12-18T13:46:53.652Z"}`
	for name, properties := range map[string]string{
		"own property":           `{"cohortflow.into":"somebody"}`,
		"own property, a number": `{"cohortflow.hops":1}`,
		"own property, a truth":  `{"cohortflow.x":true}`,
		"own property, nested":   `{"cohortflow.state":{"a":1}}`,
		"SalesWings values":      values,
		"inside of an object":    `{"values":` + values + `}`,
		"flattened":              `{"values.transition_id":"0-1-0","values.cohort":"c"}`,
		"camel case":             `{"transitionId":"0-1-0","cohort":"c"}`,
		"words":                  `{"Transition ID":"0-1-0","Cohort":"c"}`,
	} {
		for surface, send := range map[string]func(*house) reply{
			"pipelines": func(h *house) reply {
				return h.send(t, http.MethodPost, "/v1/track", `{"event":"Entered c","userId":"u","properties":`+properties+`}`, withKey, header("X-Strict-Mode", "1"))
			},
			"identify": func(h *house) reply {
				return h.send(t, http.MethodPost, "/v1/identify", `{"userId":"u","traits":`+properties+`}`, withKey)
			},
			"destination": func(h *house) reply {
				return h.send(t, http.MethodPost, "/v1/webhooks/pipelines", `[{"type":"track","event":"E","userId":"u","properties":`+properties+`}]`, header("Authorization", token))
			},
			"track v1": func(h *house) reply {
				return h.send(t, http.MethodPost, customerPath+"/events", `{"name":"E","data":`+properties+`}`, withTrack)
			},
			"track v2": func(h *house) reply {
				return h.send(t, http.MethodPost, "/api/v2/entity", `{"type":"person","action":"event","name":"E","identifiers":{"id":"u"},"attributes":`+properties+`}`, withTrack)
			},
			"reporting": func(h *house) reply {
				data := map[string]any{}
				if err := json.Unmarshal([]byte(properties), &data); err != nil {
					t.Fatal(err)
				}
				data["identifiers"] = map[string]string{"id": "u"}
				text, err := json.Marshal(map[string]any{"event_id": "e", "object_type": "webhook", "metric": "sent", "timestamp": 1791190800, "data": data})
				if err != nil {
					t.Fatal(err)
				}
				return h.report(t, string(text))
			},
		} {
			t.Run(name+", "+surface, func(t *testing.T) {
				h := newHouse(t)
				send(h).success(t)
				h.onlyKept(t, normalise.ReasonLoop)
			})
		}
	}
}

func TestLoop_ShopsHaveWordsOfTheirOwn(t *testing.T) {
	for _, properties := range []string{
		`{"cohort":"2026-spring"}`, `{"transition_id":"x"}`, `{"transaction_id":"t","cohort":"c"}`,
		`{"cohortflow":"a note"}`, `{"a":{"cohort":"c"},"b":{"transition_id":"x"}}`,
	} {
		h := newHouse(t)
		h.send(t, http.MethodPost, "/v1/track", `{"event":"E","userId":"u","properties":`+properties+`}`, withKey).success(t)
		h.only(t)
	}
}
