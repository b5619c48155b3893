package auth

import (
	"strings"
	"testing"
)

func TestKeys_AdmitWhoHasOne(t *testing.T) {
	k, err := NewKeys("console-keys", []string{"first-key-0123", "# a comment\nread=second-key-0123\n\nthird+key/0123=="})
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]bool{
		"Bearer first-key-0123": true, "bearer  second-key-0123 ": true, "Bearer third+key/0123==": true,
		"Bearer read=second-key-0123": false, "Bearer first-key-012": false, "Bearer ": false, "": false,
		"Basic first-key-0123": false, "first-key-0123": false, "Bearer # a comment": false,
	} {
		if got := k.Admit(header, Read); got != want {
			t.Errorf("%q: admitted %t, want %t", header, got, want)
		}
		if k.Admit(header, "write") {
			t.Errorf("%q: admitted for another scope", header)
		}
	}
}

func TestKeys_FaultsNameTheSettingAndNotTheKey(t *testing.T) {
	for name, texts := range map[string][]string{
		"too short": {"abc"}, "another scope": {"write=0123456789abcdef"}, "nothing": {" \n#x"}, "empty": {""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewKeys("console-keys", texts)
			if err == nil || !strings.Contains(err.Error(), "console-keys") {
				t.Fatalf("got %v, want an error that names the setting", err)
			}
			if strings.Contains(err.Error(), "0123456789abcdef") || strings.Contains(err.Error(), "abc:") {
				t.Errorf("the error quotes the key: %v", err)
			}
		})
	}
	none, err := NewKeys("console-keys", nil)
	if err != nil || none.Any() || none.Admit("Bearer ", Read) || none.Admit("", Read) {
		t.Errorf("no keys: got any=%t, error %v; want nobody admitted", none.Any(), err)
	}
}
