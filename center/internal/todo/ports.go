package todo

import (
	"context"
	"encoding/json"

	"jiexun/center/internal/platform/db"
)

// Person is a name for an id.
type Person struct{ ID, Name, OrgID string }

// People is what the to-do centre asks of the organisation.
type People interface {
	// Person gives one person, whatever the scope; false when absent.
	Person(ctx context.Context, id string) (Person, bool, error)
	// OrgName names an organisation, "" when it is absent.
	OrgName(ctx context.Context, id string) (string, error)
	// GroupsOf lists the groups that a person is in now.
	GroupsOf(ctx context.Context, personID string) ([]Group, error)
	// Members lists the people who are in a group now.
	Members(ctx context.Context, g Group) ([]Person, error)
	// ActingFor lists the absent people for whom a person stands in now.
	ActingFor(ctx context.Context, personID string) ([]Person, error)
	// HeirOf names the group that takes the work of somebody who left
	// without a successor.
	HeirOf(ctx context.Context, personID string) (Group, error)
}

// ActFunc does a source's act on an item; args come from the person. It runs
// in a transaction of its own for each item, with the actor in ctx.
type ActFunc func(ctx context.Context, tx db.Tx, v View, args json.RawMessage) error

// ClaimFunc lets a source refuse or note that a person takes an item.
type ClaimFunc func(ctx context.Context, tx db.Tx, v View, personID string) error

// HandOverFunc moves the source's own record when somebody left; true says
// that the source published its to-dos anew, so that nothing is left to move.
// To is "" when there is no successor.
type HandOverFunc func(ctx context.Context, tx db.Tx, v View, from, to string) (bool, error)

// source is what one source registered.
type source struct {
	label    string
	acts     map[string]ActFunc
	onClaim  ClaimFunc
	onFree   ClaimFunc
	handOver HandOverFunc
}

func (s *Service) source(name string) *source {
	x := s.sources[name]
	if x == nil {
		x = &source{label: name}
		s.sources[name] = x
	}
	return x
}

// Name gives a source its Chinese name. All registering is done before the
// center starts.
func (s *Service) Name(source, label string) { s.source(source).label = label }

// RegisterActs lets the to-do centre do acts of a source, one by one or in a
// batch.
func (s *Service) RegisterActs(source string, acts map[string]ActFunc) {
	x := s.source(source)
	if x.acts == nil {
		x.acts = map[string]ActFunc{}
	}
	for name, f := range acts {
		x.acts[name] = f
	}
}

// OnClaim lets the to-do centre claim items of a source; f may be nil when
// the source has nothing to say.
func (s *Service) OnClaim(source string, f ClaimFunc) {
	if f == nil {
		f = func(context.Context, db.Tx, View, string) error { return nil }
	}
	s.source(source).onClaim = f
}

// OnRelease lets a source refuse or note that a person gives a claimed item
// back to its group; it runs before the item changes.
func (s *Service) OnRelease(source string, f ClaimFunc) { s.source(source).onFree = f }

// OnHandOver tells a source when somebody left.
func (s *Service) OnHandOver(source string, f HandOverFunc) { s.source(source).handOver = f }

// actLabel is the word for an act.
func actLabel(act string) string {
	switch act {
	case actClaim:
		return "认领"
	case actRelease:
		return "退回认领"
	case actRead:
		return "标为已读"
	case "accept":
		return "签收"
	case "transfer":
		return "转办"
	case "approve":
		return "通过"
	case "reject":
		return "驳回"
	case "return":
		return "退回"
	case "urge":
		return "催办"
	}
	return act
}
