// Package audit judges what a flow has written, from outside: it reads the topics, folds the events by the
// words of the catalogue, and holds transitions, profiles, suppressions, receipts and what SalesWings got
// against that. It shares no code with the product but the schemas, which are the contract: the codec is
// another library, the client another one, and the fold keeps whole histories where the product keeps facts.
package audit
