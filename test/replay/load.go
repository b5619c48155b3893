package replay

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Event is one row of an event file, under the name it is sent with.
type Event struct {
	ID      string // the row's own id, or "row:" and its number where it has none
	User    string // empty where the source knows no person
	Name    string
	At      int64 // event time, ms since 1970 UTC
	Product string
	Categ   string
	Session string
	Order   string
	Price   float64
	Priced  bool // the row has a price
}

// Mapping gives the name an event is sent with, by its name in the source.
// Names that it does not hold are sent as they are.
type Mapping map[string]string

// roles are the parts an event can play, with the names a shop would send.
var roles = map[string]string{
	"view":     "Product Viewed",
	"cart":     "Product Added",
	"checkout": "Checkout Started",
	"order":    "Order Completed",
}

// Recorded holds the mappings of the recorded event files, by file name without its endings.
var Recorded = map[string]Mapping{
	"online_retail_orders":           {"invoice": roles["order"]},
	"cdnow_master":                   {"purchase": roles["order"]},
	"otto_sample":                    {"clicks": roles["view"], "carts": roles["cart"], "orders": roles["order"]},
	"retentioneering_ecom_synthetic": {"product_view": roles["view"], "add_to_cart": roles["cart"], "shipping_details": roles["checkout"], "purchase": roles["order"]},
}

// ParseMapping reads "view=clicks,cart=carts,order=orders". Several names may play one role.
func ParseMapping(text string) (Mapping, error) {
	m := Mapping{}
	for pair := range strings.SplitSeq(text, ",") {
		if pair == "" {
			continue
		}
		role, name, ok := strings.Cut(pair, "=")
		if canonical := roles[role]; ok && name != "" && canonical != "" {
			m[name] = canonical
			continue
		}
		return nil, fmt.Errorf("mapping %q: want role=name with a role out of view, cart, checkout, order", pair)
	}
	return m, nil
}

// Load reads an event file (CSV with a header, plain or .gz) and returns its rows
// by event time, ties in file order. The columns event_time, user_id and event_name must be there.
func Load(path string, m Mapping) ([]Event, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load events: %w", err)
	}
	defer func() { _ = f.Close() }()
	in := io.Reader(bufio.NewReaderSize(f, 1<<16))
	if strings.HasSuffix(path, ".gz") {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("load events %s: %w", path, err)
		}
		in = unpacked
	}
	events, err := Read(in, m)
	if err != nil {
		return nil, fmt.Errorf("load events %s: %w", path, err)
	}
	return events, nil
}

// Read is Load on an open stream of CSV text.
func Read(in io.Reader, m Mapping) ([]Event, error) {
	rows := csv.NewReader(in)
	rows.ReuseRecord = true
	header, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	column := map[string]int{}
	for i, name := range header {
		column[name] = i
	}
	for _, name := range []string{"event_time", "user_id", "event_name"} {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("header: column %s is missing", name)
		}
	}
	var events []Event
	for number := 1; ; number++ {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", number, err)
		}
		e, err := parse(row, column, number, m)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", number, err)
		}
		events = append(events, e)
	}
	slices.SortStableFunc(events, func(a, b Event) int {
		switch {
		case a.At < b.At:
			return -1
		case a.At > b.At:
			return 1
		}
		return 0
	})
	return events, nil
}

func parse(row []string, column map[string]int, number int, m Mapping) (Event, error) {
	field := func(name string) string {
		if i, ok := column[name]; ok {
			return strings.Clone(row[i])
		}
		return ""
	}
	at, err := time.Parse(time.RFC3339Nano, field("event_time"))
	if err != nil {
		return Event{}, fmt.Errorf("event_time: %w", err)
	}
	if at.Nanosecond()%int(time.Millisecond) != 0 {
		return Event{}, fmt.Errorf("event_time %s: finer than a millisecond", field("event_time"))
	}
	e := Event{
		ID: field("event_id"), User: field("user_id"), Name: field("event_name"), At: at.UnixMilli(),
		Product: field("product_id"), Categ: field("category"), Session: field("session_id"), Order: field("order_id"),
	}
	if e.ID == "" {
		e.ID = fmt.Sprintf("row:%09d", number)
	}
	if name, ok := m[e.Name]; ok {
		e.Name = name
	}
	if p := field("price"); p != "" {
		if e.Price, err = strconv.ParseFloat(p, 64); err != nil {
			return Event{}, fmt.Errorf("price: %w", err)
		}
		e.Priced = true
	}
	return e, nil
}
