package catalogue

import (
	"bytes"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// keyOrder is the order of keys that the format knows, in whichever mapping they stand.
//
//nolint:gochecknoglobals // a table
var keyOrder = []string{
	"version", "key", "name", "person", "description", "owner", "start", "events", "guardrails", "cohorts", "cohort", "when", "enter", "stay", "dwell",
	"look_back", "replay", "groups",
	"event", "property", "names", "kinds", "source", "where", "at_least", "for", "within", "none_of", "at", "accepted", "id", "properties", "attributes",
	"consent", "mode", "platforms", "reason", "lawful_basis", "audiences", "deliver", "saleswings", "type", "required", "expect", "in", "out",
	"from", "to", "zone", "tests",
}

// named are the keys whose mappings hold names that people chose: their order stays.
//
//nolint:gochecknoglobals // a table
var named = []string{"events", "properties", "attributes", "consent"}

// Format gives a catalogue its one form: keys in one order, a blank line between sections,
// no more than one anywhere, nothing behind the end of a line. Comments stay with what
// they stand above; what is written on one line stays so. A text with anchors, or one that cannot
// be put into order without changing what it says, stays as it is. The
// error, an *Error, is for what is not YAML; faults of other kinds are Load's.
func Format(text []byte) (out []byte, err error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	l := loader{file: "catalogue", places: make(map[string]place)}
	defer func() {
		if r := recover(); r != nil { // as in Load
			l.faults = nil
			l.fault("", place{1, 1}, "this is not readable as YAML (%v)", r)
			out, err = nil, l.err()
		}
	}()
	root := l.parse(text)
	if root == nil {
		return nil, l.err()
	}
	if len(l.anchors) > 0 {
		return text, nil // an alias must not come before its anchor, and may stand for more than can be compared
	}
	f := formatter{lines: strings.Split(strings.TrimRight(string(text), "\n"), "\n")}
	f.arrange(root, false)
	arranged := []byte(tidy(f.lines, sections(root)))
	if !sameMeaning(text, arranged) {
		return text, nil
	}
	return arranged, nil
}

// sections lists the keys at the top.
func sections(root ast.Node) (keys []string) {
	for _, p := range pairsOf(root) {
		keys = append(keys, p.Key.String())
	}
	return keys
}

func pairsOf(n ast.Node) []*ast.MappingValueNode {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}
	default:
		return nil
	}
}

type formatter struct{ lines []string }

// arrange puts keys into order, what lies deepest first: lines move inside their mapping
// alone, so that the places of what is around stay right.
func (f *formatter) arrange(n ast.Node, free bool) {
	if s, ok := n.(*ast.SequenceNode); ok {
		if !s.IsFlowStyle {
			for _, item := range s.Values {
				f.arrange(item, false)
			}
		}
		return
	}
	if m, ok := n.(*ast.MappingNode); ok && m.IsFlowStyle {
		return
	}
	pairs := pairsOf(n)
	for _, p := range pairs {
		// The same word names a list elsewhere; that one is no mapping.
		f.arrange(p.Value, slices.Contains(named, p.Key.String()))
	}
	if !free && len(pairs) > 1 {
		f.order(pairs)
	}
}

// order sorts the blocks of a mapping. A block is the line of its key, all below it up to the next
// key, and the comments above.
func (f *formatter) order(pairs []*ast.MappingValueNode) {
	starts := make([]int, len(pairs)+1) // of the lines of keys, from 0
	for i, p := range pairs {
		starts[i] = placeOf(p.Key).line - 1
		if i > 0 && starts[i] <= starts[i-1] {
			return
		}
	}
	column := placeOf(pairs[0].Key).column - 1
	first, end := starts[0], f.endOf(starts[len(pairs)-1], column)
	head := f.lines[first]
	if end > len(f.lines) || column > len(head) {
		return
	}
	lead := head[:column]
	if strings.Trim(lead, " -") != "" {
		return
	}
	f.lines[first] = strings.Repeat(" ", column) + head[column:]
	type block struct {
		rank  int
		key   int // line of the key within
		lines []string
	}
	blocks := make([]block, len(pairs))
	from := first
	for i, p := range pairs {
		to := end
		if i+1 < len(pairs) {
			to = starts[i+1]
			for to > starts[i]+1 && isRemark(f.lines[to-1], column) {
				to--
			}
		}
		rank := slices.Index(keyOrder, p.Key.String())
		if rank < 0 {
			rank = len(keyOrder)
		}
		blocks[i] = block{rank, starts[i] - from, slices.Clone(f.lines[from:to])}
		from = to
	}
	slices.SortStableFunc(blocks, func(a, b block) int { return a.rank - b.rank })
	at := first
	for i, b := range blocks {
		copy(f.lines[at:], b.lines)
		if i == 0 {
			f.lines[at+b.key] = lead + f.lines[at+b.key][column:]
		}
		at += len(b.lines)
	}
}

// endOf finds the line behind the last block of a mapping: the first that is not indented more
// than its keys, less the comments above it.
func (f *formatter) endOf(line, column int) int {
	end := line + 1
	for end < len(f.lines) {
		s := f.lines[end]
		indent := len(s) - len(strings.TrimLeft(s, " "))
		list := indent == column && strings.HasPrefix(s[indent:], "- ") // below its key, as YAML allows
		if !isRemark(s, len(s)) && indent <= column && !list {
			break
		}
		end++
	}
	for end > line+1 && isRemark(f.lines[end-1], column) {
		end--
	}
	return end
}

// isRemark says whether a line is blank, or a comment that is not indented more than a column: such
// a one belongs to what stands above, or to a text of several lines.
func isRemark(line string, column int) bool {
	s := strings.TrimLeft(line, " ")
	return strings.TrimSpace(s) == "" || s[0] == '#' && len(line)-len(s) <= column
}

// tidy joins lines with single blank ones, one in front of each section.
func tidy(lines, sections []string) string {
	var out []string
	for i, s := range lines {
		s = strings.TrimRight(s, " \t")
		last := len(out) - 1
		if s == "" && (last < 0 || out[last] == "") {
			continue
		}
		key, _, _ := strings.Cut(s, ":")
		if i > 0 && slices.Contains(sections, key) {
			above := len(out)
			for above > 0 && strings.HasPrefix(out[above-1], "#") {
				above--
			}
			// Comments on top of the file lead the file, and need no blank line.
			if above > 0 && out[above-1] != "" {
				out = slices.Insert(out, above, "")
			}
		}
		out = append(out, s)
	}
	return strings.TrimRight(strings.Join(out, "\n"), "\n") + "\n"
}

// sameMeaning says whether two texts hold the same data.
func sameMeaning(a, b []byte) bool {
	var x, y any
	return yaml.Unmarshal(a, &x) == nil && yaml.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
