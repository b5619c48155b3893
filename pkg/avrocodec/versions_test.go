package avrocodec

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/schemas"
)

// A flow that an earlier release wrote goes on: whatever decoder a reader has, it
// reads version 1, and what was not known then is none.
func TestDecode_ReadsWhatTheReleaseBeforeWrote(t *testing.T) {
	resolver, err := NewResolver(NewEmbedded())
	if err != nil {
		t.Fatal(err)
	}
	records := goldenRecords(t, schemas.TransitionsTopic)
	for name, decode := range map[string]func([]byte, *cohort.Transition, *cohort.Watermark) (cohort.Op, error){
		"plain": DecodeTransition,
		"resolver": func(b []byte, tr *cohort.Transition, w *cohort.Watermark) (cohort.Op, error) {
			return resolver.DecodeTransition(t.Context(), b, tr, w)
		},
	} {
		seen := map[uint32]int{}
		used := cohort.Transition{WarmingUntil: 77} // what stood there before must not stay
		for i, b := range records {
			id, err := SchemaID(b)
			if err != nil {
				t.Fatal(err)
			}
			var mark cohort.Watermark
			op, err := decode(b, &used, &mark)
			if err != nil {
				t.Fatalf("%s: record %d of schema id %d: %v", name, i, id, err)
			}
			seen[id]++
			if id == embeddedID(t, schemas.TransitionsSubject, 1) && op != cohort.OpWatermark && used.WarmingUntil != 0 {
				t.Errorf("%s: record %d of version 1: got warming until %d, want 0", name, i, used.WarmingUntil)
			}
			if op == cohort.OpWatermark && mark.Owner == "" {
				t.Errorf("%s: record %d: got an empty watermark", name, i)
			}
		}
		if len(seen) != 2 {
			t.Errorf("%s: got records of %d schema ids, want both versions", name, len(seen))
		}
	}
}

// A newer release adds a field; this one reads its records without it, by the schema
// that the registry has. Versions of ours under ids of the registry's need no copy.
func TestResolver_ReadsANewerReleaseByItsSchema(t *testing.T) {
	newest, _ := schemas.Newest(schemas.TransitionsSubject)
	const end = "\n  ]\n}"
	newer := strings.Replace(newest.Text, end, `,{"name": "added_later", "type": ["null", "string"], "default": null, "doc": "A."}`+end, 1)
	if newer == newest.Text {
		t.Fatal("the field was not added; has the file's layout changed?")
	}
	first := schemas.Versions()[2]
	texts := map[string]string{"/schemas/ids/900": newer, "/schemas/ids/901": first.Text}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		text, ok := texts[q.URL.Path]
		if !ok {
			http.Error(w, `{"error_code":40403,"message":"not found"}`, http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"schema": text})
	}))
	defer server.Close()
	client, err := registryClient(server.URL, DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	resolver, err := NewResolver(newRegistry(client))
	if err != nil {
		t.Fatal(err)
	}
	writer, err := newGoavro(newer)
	if err != nil {
		t.Fatal(err)
	}
	want := commonTransition()
	want.WarmingUntil = 1_764_086_400_000
	native, rest, err := resolver.families[familyTransitions].newest.NativeFromBinary(AppendTransition(nil, 900, &want)[headerLen:])
	if err != nil || len(rest) > 0 {
		t.Fatalf("%v, %d bytes left", err, len(rest))
	}
	native.(map[string]any)["added_later"] = some(branchText, "of the future")
	b, err := writer.BinaryFromNative(appendHeader(nil, 900), native)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeTransition(b, new(cohort.Transition), nil); err == nil {
		t.Error("the plain decoder took a record of a schema that it does not have")
	}
	check(t, resolver, b, want)

	// As version 1 had it: the same bytes without the last field.
	old := AppendTransition(nil, 901, &want)
	old = old[:len(old)-len(appendOptTime(nil, want.WarmingUntil))]
	want.WarmingUntil = 0
	check(t, resolver, old, want)
	if plan := (*resolver.families[familyTransitions].plans.Load())[901]; plan != nil {
		t.Error("a version of ours is written anew to be read")
	}
}

func check(t *testing.T, r *Resolver, b []byte, want cohort.Transition) {
	t.Helper()
	var got cohort.Transition
	if _, err := r.DecodeTransition(t.Context(), b, &got, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Readers that ask the built-in registry find both versions, and the newest as such.
func TestHandler_ListsEveryVersion(t *testing.T) {
	h := NewEmbedded().Handler()
	get := func(path string) string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return strings.TrimSpace(w.Body.String())
	}
	versions := "/subjects/" + schemas.TransitionsSubject + "/versions"
	if got := get(versions); got != "[1,2]" {
		t.Errorf("versions: got %s, want [1,2]", got)
	}
	var latest struct{ ID, Version int }
	if err := json.Unmarshal([]byte(get(versions+"/latest")), &latest); err != nil || latest.Version != 2 || latest.ID != 8 {
		t.Errorf("latest: got %+v, %v, want version 2 with id 8", latest, err)
	}
}
