package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// configFile is the path given by --config or COHORTFLOW_CONFIG.
type configFile string

// BeforeResolve is called by kong once the path is known and before other settings
// are looked up.
func (configFile) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	path, _ := ctx.FlagValue(trace.Flag).(configFile)
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(string(path))
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	file, err := readFile(string(path), text, flagsOf(ctx.Model.Node))
	if err != nil {
		return err
	}
	ctx.AddResolver(file)
	return nil
}

// fileValues are the settings of one file, by flag name.
type fileValues map[string]any

// Validate is part of kong.Resolver; readFile has checked everything.
func (fileValues) Validate(*kong.Application) error { return nil }

// Resolve gives the file's value of a flag, or nil where the environment has one:
// kong would let the file win.
func (v fileValues) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, ok := os.LookupEnv(env); ok {
			return nil, nil
		}
	}
	return v[flag.Name], nil
}

func flagsOf(node *kong.Node) map[string]*kong.Flag {
	flags := map[string]*kong.Flag{}
	for _, flag := range node.Flags {
		flags[flag.Name] = flag
	}
	for _, child := range node.Children {
		maps.Copy(flags, flagsOf(child))
	}
	return flags
}

// readFile turns YAML into values by flag name. Nested maps are joined by dashes
// (kafka: {brokers: x} is kafka-brokers) and an underscore is as good as a dash. All
// faults are reported at once, each with file, line and column.
func readFile(path string, text []byte, flags map[string]*kong.Flag) (fileValues, error) {
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, fmt.Errorf("settings %s: %w", path, err)
	}
	r := &fileReader{path: path, flags: flags, values: fileValues{}}
	for _, doc := range tree.Docs {
		if doc.Body != nil {
			r.walk("", doc.Body)
		}
	}
	return r.values, errors.Join(r.faults...)
}

type fileReader struct {
	path   string
	flags  map[string]*kong.Flag
	values fileValues
	faults []error
}

func (r *fileReader) fault(node ast.Node, format string, args ...any) {
	at := node.GetToken().Position
	r.faults = append(r.faults, fmt.Errorf("%s:%d:%d: %s", r.path, at.Line, at.Column, fmt.Sprintf(format, args...)))
}

func (r *fileReader) walk(prefix string, node ast.Node) {
	mapping, ok := node.(*ast.MappingNode)
	if !ok {
		if node.Type() != ast.NullType && node.Type() != ast.CommentType {
			r.fault(node, "settings must be a map of names and values")
		}
		return
	}
	for _, entry := range mapping.Values {
		name := prefix + strings.ReplaceAll(entry.Key.GetToken().Value, "_", "-")
		switch flag, known := r.flags[name]; {
		case known && flag.Name != "help" && flag.Name != "config" && flag.Name != "check-config" && flag.Name != "version":
			r.take(name, entry)
		case known:
			r.fault(entry.Key, "%s is a flag only", name)
		case isMap(entry.Value) && r.isGroup(name):
			r.walk(name+"-", entry.Value)
		default:
			r.fault(entry.Key, "unknown setting %q%s", name, didYouMean(name, r.flags))
		}
	}
}

func isMap(node ast.Node) bool {
	_, ok := node.(*ast.MappingNode)
	return ok
}

func (r *fileReader) isGroup(name string) bool {
	for flag := range r.flags {
		if strings.HasPrefix(flag, name+"-") {
			return true
		}
	}
	return false
}

func (r *fileReader) take(name string, entry *ast.MappingValueNode) {
	if _, twice := r.values[name]; twice {
		r.fault(entry.Key, "%s is set twice", name)
		return
	}
	var value any
	if err := yaml.NodeToValue(entry.Value, &value); err != nil {
		r.fault(entry.Value, "%s: %v", name, err)
		return
	}
	// Scalars go on as they are written: kong reads 250ms, 010 and 1e3 as it does in a flag.
	switch v := value.(type) {
	case nil:
		return // "name:" alone leaves the default
	case string, []any, map[string]any:
		r.values[name] = v
	default:
		r.values[name] = entry.Value.GetToken().Value
	}
}

// didYouMean ends a message about an unknown name with the nearest known one.
func didYouMean(name string, flags map[string]*kong.Flag) string {
	best, distance := "", 4 // further off is no typing error
	names := make([]string, 0, len(flags))
	for known := range flags {
		names = append(names, known)
	}
	slices.Sort(names)
	for _, known := range names {
		if d := editDistance(name, known); d < distance && d <= len(name)/2 {
			best, distance = known, d
		}
	}
	if best == "" {
		return ": see --help for all names"
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// editDistance counts the insertions, deletions and changes between two names.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
