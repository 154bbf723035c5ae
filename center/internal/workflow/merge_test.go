package workflow

import (
	"context"
	"testing"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/internal/workflow/engine"
)

// elsewhere puts everybody into another organisation.
type elsewhere struct {
	*world
	org string
}

func (e elsewhere) GroupsOf(_ context.Context, id string) ([]engine.Who, error) {
	return []engine.Who{{Role: role(id), OrgID: e.org}}, nil
}

// A squad goes into another: its people, who are in groups of the other one
// now, take, give back and end the tasks that waited for the squad.
func TestTasksOfAMergedSquadMoveOn(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s, w := setUp(t, d)
		waits, taken, over := begin(t, s, 20), begin(t, s, 20), begin(t, s, 20)
		must(t, s.Act(as("leader1"), open(t, s, taken, "a").ID, ActInput{Act: engine.Claim}))
		last := open(t, s, over, "a").ID
		must(t, s.Act(as("leader1"), last, ActInput{Act: engine.Claim}))
		must(t, s.Act(as("leader1"), last, ActInput{Act: engine.Complete, Outcome: "approve"}))

		s.o.People = elsewhere{w, "squad2"}
		task := open(t, s, waits, "a").ID
		if err := s.Act(as("leader2"), task, ActInput{Act: engine.Claim}); err == nil {
			t.Fatal("somebody of another squad took the task before the merger")
		}
		bus := events.NewBus(d, testkit.Log(t), nil)
		bus.Subscribe(access.TopicMerged, "workflow", s.TakeMerged)
		merge := func() {
			t.Helper()
			must(t, d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
				return events.Publish(ctx, tx, access.TopicMerged, access.Merged{From: "squad", Into: "squad2", By: "sys"})
			}))
			_, err := bus.Drain(t.Context())
			must(t, err)
		}
		merge()
		merge() // told twice
		must(t, s.Act(as("leader2"), task, ActInput{Act: engine.Claim}))
		// What was taken goes back to the group where it is now.
		held := open(t, s, taken, "a").ID
		must(t, s.Act(as("leader1"), held, ActInput{Act: engine.Release}))
		if x := w.todos[held+"/handle"]; x.OrgID != "squad2" || x.Role != "leader" {
			t.Errorf("to-do after the release %+v", x)
		}
		must(t, s.Act(as("leader2"), held, ActInput{Act: engine.Claim}))
		for id, want := range map[string]string{waits: "squad2", over: "squad"} {
			in, err := instanceByID(t.Context(), d.Read(), id)
			must(t, err)
			if in.StarterOrg != want {
				t.Errorf("the starter of %s belongs to %s, want %s", id, in.StarterOrg, want)
			}
		}
		// What is over stays as it was.
		list, err := tasksOf(t.Context(), d.Read(), over)
		must(t, err)
		if c := list[0].Candidates; len(c) != 1 || c[0].OrgID != "squad" {
			t.Errorf("candidates of a task that is over: %+v", c)
		}
		if err := s.Act(as("leader1"), last, ActInput{Act: engine.Claim}); !errs.Is(err, errs.ConflictCode) && !errs.Is(err, errs.NotFoundCode) {
			t.Errorf("a task that is over was taken: %v", err)
		}
	})
}
