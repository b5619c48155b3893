package cohortctl

// SimulateHelp is what --help says about the form of recordings.
const SimulateHelp = `
Time is data: each event's own instant, in whole milliseconds. Rows may stand in any order; of those with
one event id the first counts. What nobody's user id stands in is ignored and counted.

CSV: the header names the columns. event_time (RFC 3339), user_id and event_name are needed, event_id is
taken where it is there, and all others are properties: texts, unless the header says NAME:number or
NAME:boolean. price is a number anyway.

NDJSON: each line is a normalised event or a body of the Pipelines API.

  {"kind": "track", "name": "Order Completed", "event_at": "2026-11-27T08:00:00.000Z", "event_id": "o1",
   "customer_id": "ada", "strings": {"currency": "EUR"}, "numbers": {"total": 99.5}}

has the fields of the schema of customerio.events.v1; instants are RFC 3339 or milliseconds since 1970, and
what is empty is left out. A body is one call ({"type": "track", "userId": ...}) or a batch ({"batch": [...]}).

The transitions are CSV: cohort,user_id,at,transition, by cohort in the order of the catalogue, then person,
then time. Exit codes: 0, 1 for a file that is at fault, 2 for wrong usage.`

// PlanHelp is what --help says about plans.
const PlanHelp = `
Reads everybody from the flow's Redis, and the catalogue in force from its log, decides as the processor's sweep
will, and tells who would move. Nothing is written. Give the settings that the services have (--config takes the
same file's names), and --clock events where time is data.

ADDS and REMOVES are what destinations would be sent. They hear of changes alone, so the plan also tells of
people who would belong on a list and not be sent, or stay on it though they no longer belong there, and what
to write so that they are.

  cohortctl plan --catalogue new.yaml --kafka-brokers kafka:9093 --kafka-tls --redis redis://redis:6379

Exit codes: 0, 1 where no plan can be made, 2 for wrong usage, 3 if more than --fail-above people would move.`

// ExplainHelp is what --help says about explanations.
const ExplainHelp = `
Asks the read API, which console serves. For every cohort it tells since when and until when the person is in it,
and each condition: ✓ true, ✗ false, ? for what nobody can tell any more; how near it is to its bound, when
it can change by itself, and the events behind it. Then the audiences with their gates, and what was sent.

  cohortctl explain ada@example.com recent_purchaser_7d --at 2026-12-01T12:00:00Z

Colours are for terminals, and not shown where NO_COLOR is set. Exit codes: 0, 1 where there is no answer,
2 for wrong usage.`
