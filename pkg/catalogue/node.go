package catalogue

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/predicate"
)

// maxNodes bounds the work on one file: an alias counts as often as it is used.
const maxNodes = 50_000

const (
	maxNesting = 64  // brackets that are open at a time
	maxMarkers = 256 // dashes, anchors and tags on one line
)

// loader walks the document and takes down every fault. Paths are those of
// cohort.Problem.
type loader struct {
	file    string
	faults  []Fault
	paths   []string // of the faults
	places  map[string]place
	anchors map[string]ast.Node
	nodes   int

	declared map[string]map[string]predicate.Type // properties by event, where it declares them
	gates    map[string][]cohort.Condition        // consent by name

	guardrails guardrails // of cohorts that say nothing themselves
}

// parse gives the root of the only document, or nil with a fault.
func (l *loader) parse(text []byte) ast.Node {
	tokens := lexer.Tokenize(string(text))
	if !l.shallow(tokens) {
		return nil
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		at, message := place{1, 1}, err.Error()
		if positioned, ok := errors.AsType[yaml.Error](err); ok {
			message = positioned.GetMessage()
			if t := positioned.GetToken(); t != nil && t.Position != nil {
				at = place{t.Position.Line, t.Position.Column}
			}
		}
		l.fault("", at, "this is not YAML: %s", message)
		return nil
	}
	var roots []ast.Node
	for _, d := range file.Docs {
		if d != nil && d.Body != nil {
			roots = append(roots, d.Body)
		}
	}
	switch len(roots) {
	case 1:
	case 0:
		l.fault("", place{1, 1}, "the catalogue is empty: it needs version, events and cohorts")
		return nil
	default:
		l.fault("", placeOf(roots[1]), "a second document begins: a catalogue is one, remove the line ---")
		return nil
	}
	l.anchors = make(map[string]ast.Node)
	ast.Walk(anchors(l.anchors), roots[0])
	return roots[0]
}

// shallow refuses nesting that no catalogue has before the parser, which is
// recursive and slow with depth, gets to see it.
func (l *loader) shallow(tokens token.Tokens) bool {
	open, line, markers := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, markers = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			open++
		case token.SequenceEndType, token.MappingEndType:
			open--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			markers++
		default:
		}
		if open > maxNesting || markers > maxMarkers {
			l.fault("", place{line, t.Position.Column}, "this is nested too deep")
			return false
		}
	}
	return true
}

// anchors collects what aliases stand for.
type anchors map[string]ast.Node

// Visit implements ast.Visitor.
func (a anchors) Visit(n ast.Node) ast.Visitor {
	if n, ok := n.(*ast.AnchorNode); ok && n.Name != nil {
		a[n.Name.String()] = n.Value
	}
	return a
}

func placeOf(n ast.Node) place {
	if n == nil {
		return place{1, 1}
	}
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 && m.Values[0].Key != nil {
			n = m.Values[0].Key
		}
	case *ast.MappingValueNode:
		if m.Key != nil {
			n = m.Key
		}
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return place{t.Position.Line, t.Position.Column}
	}
	return place{1, 1}
}

// value follows anchors and aliases, remembers where the path stands and gives the
// node; nil with a fault where there is none.
func (l *loader) value(path string, n ast.Node) ast.Node {
	at := placeOf(n)
	if _, ok := l.places[path]; !ok {
		l.places[path] = at
	}
	for {
		if l.nodes++; l.nodes > maxNodes {
			if l.nodes == maxNodes+1 {
				l.fault(path, at, "the catalogue is too large once its aliases are written out")
			}
			return nil
		}
		switch x := n.(type) {
		case *ast.AnchorNode:
			n = x.Value
		case *ast.AliasNode:
			if x.Value == nil || l.anchors[x.Value.String()] == nil {
				l.fault(path, at, "nothing is anchored under this name: write &name where it is defined")
				return nil
			}
			n = l.anchors[x.Value.String()]
		case nil:
			l.fault(path, at, "a value is missing")
			return nil
		case *ast.NullNode:
			l.fault(path, at, "a value is missing: give one or remove the key")
			return nil
		case *ast.TagNode:
			l.fault(path, at, "tags have no meaning here: remove %s", x.Start.Value)
			return nil
		default:
			return n
		}
	}
}

// entry is one key of a mapping.
type entry struct {
	key  string
	path string
	at   place // of the key
	node ast.Node
}

// mapping reads a mapping with any keys.
func (l *loader) mapping(path, what string, n ast.Node) (entries []entry, ok bool) {
	n = l.value(path, n)
	if n == nil {
		return nil, false
	}
	var pairs []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		pairs = m.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{m}
	default:
		l.fault(path, placeOf(n), "%s has to be a mapping of keys and values", what)
		return nil, false
	}
	seen := make(map[string]bool, len(pairs))
	for _, p := range pairs {
		at := placeOf(p.Key)
		var key string
		switch k := p.Key.(type) {
		case *ast.StringNode:
			key = k.Value
		case *ast.MergeKeyNode:
			l.fault(path, at, "merge keys have no meaning here: write the keys out")
			continue
		default:
			l.fault(path, at, "a key of %s has to be a word", what)
			continue
		}
		inner := key
		if path != "" {
			inner = path + "." + key
		}
		if seen[key] {
			l.fault(inner, at, "%s has the key %q twice: remove one", what, key)
			continue
		}
		seen[key] = true
		l.places[inner] = at
		entries = append(entries, entry{key: key, path: inner, at: at, node: p.Value})
	}
	return entries, true
}

// fields reads a mapping whose keys are known. Keys that are not are faults.
func (l *loader) fields(path, what string, n ast.Node, allowed, required []string) (map[string]entry, bool) {
	entries, ok := l.mapping(path, what, n)
	if !ok {
		return nil, false
	}
	found := make(map[string]entry, len(entries))
	for _, e := range entries {
		if !slices.Contains(allowed, e.key) {
			l.fault(e.path, e.at, "unknown key %q in %s%s", e.key, what, suggest(e.key, allowed))
			continue
		}
		found[e.key] = e
	}
	for _, key := range required {
		if _, ok := found[key]; !ok {
			l.fault(path+"."+key, l.places[path], "%s needs %s", what, key)
		}
	}
	return found, true
}

// list reads a sequence of at least `least` items.
func (l *loader) list(e entry, what string, least int) (items []entry) {
	n := l.value(e.path, e.node)
	if n == nil {
		return nil
	}
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		l.fault(e.path, placeOf(n), "%s has to be a list: [a, b] or lines that begin with -", what)
		return nil
	}
	for i, item := range s.Values {
		items = append(items, entry{path: fmt.Sprintf("%s[%d]", e.path, i), at: placeOf(item), node: item})
	}
	switch {
	case len(items) == 0 && least > 0:
		l.fault(e.path, e.at, "%s is empty: give at least %d", what, least)
	case len(items) < least:
		l.fault(e.path, e.at, "%s is too short: give at least %d", what, least)
	}
	return items
}

// text reads a text.
func (l *loader) text(e entry, what string) (string, bool) {
	n := l.value(e.path, e.node)
	if n == nil {
		return "", false
	}
	var s string
	switch n := n.(type) {
	case *ast.StringNode:
		s = n.Value
	case *ast.LiteralNode:
		s = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		l.fault(e.path, placeOf(n), "%s has to be text: put it in quotation marks", what)
		return "", false
	default:
		l.fault(e.path, placeOf(n), "%s has to be text", what)
		return "", false
	}
	if strings.TrimSpace(s) == "" {
		l.fault(e.path, placeOf(n), "%s is empty", what)
		return "", false
	}
	return s, true
}

// texts reads a list of texts without repeats, at least `least` of them.
func (l *loader) texts(e entry, what string, least int) (list []string) {
	for _, item := range l.list(e, what, least) {
		s, ok := l.text(item, "an entry of "+what)
		switch {
		case !ok:
		case slices.Contains(list, s):
			l.fault(item.path, item.at, "%q stands twice in %s: remove one", s, what)
		default:
			list = append(list, s)
		}
	}
	return list
}

// choice reads one of a few words.
func (l *loader) choice(e entry, what string, words []string) string {
	s, ok := l.text(e, what)
	if ok && !slices.Contains(words, s) {
		l.fault(e.path, placeOf(e.node), "unknown %s %q%s", what, s, suggest(s, words))
		return ""
	}
	return s
}

// integer reads a whole number.
func (l *loader) integer(e entry, what string) (int64, bool) {
	n := l.value(e.path, e.node)
	if n == nil {
		return 0, false
	}
	if i, ok := n.(*ast.IntegerNode); ok {
		switch v := i.Value.(type) {
		case int64:
			return v, true
		case uint64:
			if v <= 1<<62 {
				return int64(v), true
			}
		}
	}
	l.fault(e.path, placeOf(n), "%s has to be a whole number", what)
	return 0, false
}

// number reads a number, whole or not.
func (l *loader) number(e entry, what string) (float64, bool) {
	n := l.value(e.path, e.node)
	switch n := n.(type) {
	case nil:
		return 0, false
	case *ast.FloatNode:
		return n.Value, true
	case *ast.IntegerNode:
		if v, ok := l.integer(e, what); ok {
			return float64(v), true
		}
		return 0, false
	default:
		l.fault(e.path, placeOf(n), "%s has to be a number", what)
		return 0, false
	}
}
