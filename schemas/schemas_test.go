package schemas

import (
	"slices"
	"testing"
)

func TestPlatformOf_InvertsSuppressionTopic(t *testing.T) {
	for _, platform := range append(Platforms(), "x", "some_new-platform1") {
		if got, ok := PlatformOf(SuppressionTopic(platform)); !ok || got != platform {
			t.Errorf("%s: got %q %v", platform, got, ok)
		}
	}
	for _, topic := range []string{
		"", EventsTopic, "ads.suppression.v1", "ads.suppression..v1", "ads.suppression.Meta.v1",
		"ads.suppression.meta.v2", "ads.suppression.a.b.v1", "ads.suppression.meta",
	} {
		if got, ok := PlatformOf(topic); ok {
			t.Errorf("%q: got platform %q, want none", topic, got)
		}
	}
}

func TestNewest_AnswersForEverySubject(t *testing.T) {
	for _, subject := range append(Subjects(), SuppressionFamily, SuppressionSubject("new")) {
		v, ok := Newest(subject)
		if !ok || v.Text == "" || v.Subject != Family(subject) {
			t.Errorf("%s: got %+v %v", subject, v, ok)
		}
	}
	for _, subject := range []string{"", EventsTopic, "other-value", "ads.suppression.META.v1-value"} {
		if v, ok := Newest(subject); ok {
			t.Errorf("%q: got %s, want none", subject, v.Subject)
		}
	}
	if Subject(EventsTopic) != EventsSubject {
		t.Errorf("got %s, want %s", Subject(EventsTopic), EventsSubject)
	}
}

func TestSubjects_NameNoFamilyAndNoneTwice(t *testing.T) {
	got := Subjects()
	if slices.Contains(got, SuppressionFamily) {
		t.Errorf("the family is listed: %q", got)
	}
	families := map[string]bool{}
	for _, v := range table {
		families[v.subject] = true
	}
	if want := len(families) - 1 + len(Platforms()); len(got) != want || len(slices.Compact(slices.Sorted(slices.Values(got)))) != want {
		t.Errorf("got %q, want %d different subjects", got, want)
	}
	if !slices.IsSorted(Platforms()) {
		t.Error("platforms are not sorted")
	}
}
