// Package ids makes identifiers: ULIDs, which sort by the time of making.
package ids

import "github.com/oklog/ulid/v2"

// Source makes identifiers; tests may give their own.
type Source func() string

// New makes a ULID. Within one process and millisecond they still ascend.
func New() string { return ulid.Make().String() }

// Valid tells whether s is a ULID.
func Valid(s string) bool {
	_, err := ulid.ParseStrict(s)
	return err == nil
}
