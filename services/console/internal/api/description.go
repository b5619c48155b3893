package api

import (
	_ "embed"
	"fmt"

	"github.com/goccy/go-yaml"
)

// descriptionYAML is the OpenAPI description, written by hand: it is a contract, and not
// what the code happens to do.
//
//go:embed openapi.yaml
var descriptionYAML []byte

// descriptionJSON is the same in JSON.
var descriptionJSON = asJSON(descriptionYAML) //nolint:gochecknoglobals // made once of an embedded file

func asJSON(text []byte) []byte {
	made, err := yaml.YAMLToJSON(text)
	if err != nil {
		panic(fmt.Sprintf("openapi.yaml: %v", err)) // found by the first test
	}
	return made
}
