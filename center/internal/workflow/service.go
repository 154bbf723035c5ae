package workflow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/workflow/bpmn"
	"jiexun/center/internal/workflow/engine"
	"jiexun/center/internal/workflow/form"
)

// Options are what the service needs. NewID, Wake and Log may be nil.
type Options struct {
	DB     *db.DB
	People People
	Todos  Todos
	Clocks Clocks
	Timers Timers
	Files  Files
	NewID  ids.Source
	// Wake is called after a commit that published events.
	Wake func()
	Log  *slog.Logger
}

// writers bounds the transactions that run side by side: each may ask the
// organisation on a second connection while it holds one.
const writers = 8

// Service has the use cases. It is safe for concurrent use once every finish
// and service function is registered.
type Service struct {
	o        Options
	db       *db.DB
	slots    chan struct{}
	finish   map[string][]FinishFunc
	services map[string]serviceFunc
	// processes and forms are parsed versions, which never change.
	processes sync.Map
	forms     sync.Map
}

type serviceFunc struct {
	label string
	run   ServiceFunc
}

// New makes the service.
func New(o Options) *Service {
	if o.NewID == nil {
		o.NewID = ids.New
	}
	if o.Wake == nil {
		o.Wake = func() {}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Service{o: o, db: o.DB, slots: make(chan struct{}, writers), finish: map[string][]FinishFunc{}, services: map[string]serviceFunc{}}
	s.OnService("note", "记入办理经过", func(context.Context, db.Tx, *Instance) (map[string]any, error) { return nil, nil })
	return s
}

// OnFinish calls f, in the transaction, when an instance of a process ends.
func (s *Service) OnFinish(process string, f FinishFunc) {
	s.finish[process] = append(s.finish[process], f)
}

// OnService names a function for service tasks.
func (s *Service) OnService(name, label string, f ServiceFunc) {
	s.services[name] = serviceFunc{label, f}
}

// ServiceName is a function that service tasks may call.
type ServiceName struct {
	Name  string `json:"name"`
	Label string `json:"label"`
}

// Services lists the functions for service tasks.
func (s *Service) Services() []ServiceName {
	out := []ServiceName{}
	for n, f := range s.services {
		out = append(out, ServiceName{n, f.label})
	}
	slices.SortFunc(out, func(a, b ServiceName) int { return cmpText(a.Name, b.Name) })
	return out
}

func cmpText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// inTx runs f in a transaction, a few at a time.
func (s *Service) inTx(ctx context.Context, f func(ctx context.Context, tx db.Tx) error) error {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.slots }()
	return s.db.InTx(ctx, f)
}

// process gives the parsed version of a process.
func (s *Service) process(r *versionRow) (*bpmn.Process, error) {
	if p, ok := s.processes.Load(r.ID); ok {
		return p.(*bpmn.Process), nil
	}
	p, err := bpmn.Parse([]byte(r.Body))
	if err != nil {
		return nil, fmt.Errorf("read process %s version %d: %w", r.DefKey, r.Version, err)
	}
	s.processes.Store(r.ID, p)
	return p, nil
}

// form gives a parsed version of a form with its row.
func (s *Service) form(ctx context.Context, q reader, key string, version int) (*form.Form, *versionRow, error) {
	id := key + "@" + strconv.Itoa(version)
	if x, ok := s.forms.Load(id); ok {
		f := x.(formVersion)
		return f.form, f.row, nil
	}
	r, err := versionOf(ctx, q, KindForm, key, version)
	if err != nil {
		return nil, nil, err
	}
	if r == nil {
		return nil, nil, fmt.Errorf("form %s version %d is missing", key, version)
	}
	f, err := form.Parse([]byte(r.Body))
	if err != nil {
		return nil, nil, fmt.Errorf("read form %s version %d: %w", key, version, err)
	}
	if version > 0 {
		s.forms.Store(id, formVersion{f, r})
	}
	return f, r, nil
}

type formVersion struct {
	form *form.Form
	row  *versionRow
}

// rights turns the rights of a node into those of a form.
func rights(t *bpmn.Task) func(string) form.Right {
	return func(field string) form.Right {
		switch t.Right(field) {
		case bpmn.Write:
			return form.Write
		case bpmn.Hidden:
			return form.Hidden
		}
		return form.Read
	}
}

// readOnly takes the right to write away.
func readOnly(r func(string) form.Right) func(string) form.Right {
	return func(field string) form.Right { return min(r(field), form.Read) }
}

// standing is who acts, in whose name and in which groups.
type standing struct {
	who   access.Actor
	actor engine.Actor
}

// standing reads the actor before a transaction begins.
func (s *Service) standing(ctx context.Context) (standing, error) {
	who, err := access.From(ctx)
	if err != nil {
		return standing{}, err
	}
	st := standing{who: who, actor: engine.Actor{ID: who.ID}}
	if st.actor.Groups, err = s.o.People.GroupsOf(ctx, who.ID); err != nil {
		return st, fmt.Errorf("read groups of %s: %w", who.ID, err)
	}
	if st.actor.For, err = s.o.People.ActingFor(ctx, who.ID); err != nil {
		return st, fmt.Errorf("read whom %s stands in for: %w", who.ID, err)
	}
	return st, nil
}

// on gives the actor for one instance: who may look after processes there is
// its monitor.
func (st standing) on(in *Instance) engine.Actor {
	a := st.actor
	a.Monitor = st.who.Allows(access.WorkflowMonitor, in.RegionCode)
	return a
}

// boundary turns the engine's refusals into errors that people see.
func boundary(err error) error {
	var r *engine.Refused
	var i *engine.Invalid
	switch {
	case errors.As(err, &r):
		return errs.Conflict(r.Reason)
	case errors.As(err, &i):
		return errs.Invalidf(i.Field, "%s", i.Message)
	}
	return err
}

// formError turns a form's faults into field errors.
func formError(err error) error {
	var faults form.Faults
	if !errors.As(err, &faults) {
		return err
	}
	var f errs.Fields
	for _, x := range faults {
		f.Add("values."+x.Field, "%s", x.Message)
	}
	return f.Err()
}
