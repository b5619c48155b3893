// Package catalogues carries the catalogue that a fresh installation starts with, and ready-made
// ones for other trades.
package catalogues

import "embed"

//go:embed *.yaml
var files embed.FS

// DefaultName is what faults of the default catalogue are told under.
const DefaultName = "default.yaml"

// Default is the text of the default catalogue.
func Default() []byte {
	text, _ := Named(DefaultName)
	return text
}

// Names lists the catalogues, the default one among them, in alphabetical order.
func Names() []string {
	entries, _ := files.ReadDir(".") // what is embedded is there
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// Named gives the text of a catalogue by its name; false where there is none.
func Named(name string) ([]byte, bool) {
	text, err := files.ReadFile(name)
	return text, err == nil
}
