package outbox_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/outbox"
)

func open(t *testing.T, path string, maxRows int64) *outbox.Box {
	t.Helper()
	b, err := outbox.Open(context.Background(), outbox.Options{Path: path, MaxRows: maxRows})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func event(i int) edgev1.Event {
	return edgev1.Event{ID: fmt.Sprintf("E%d", i), Rev: 1, Camera: "cam", Kind: edgev1.Stacking, Phase: edgev1.Opened}
}

func TestRowsLeaveOnlyOnAcknowledgement(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "outbox.db")
	b := open(t, path, 0)
	if _, err := b.Commit(ctx, outbox.Change{Events: []edgev1.Event{event(1), event(2), event(3)}, State: map[string][]byte{"cam": []byte("s1")}}); err != nil {
		t.Fatal(err)
	}
	epoch := b.Epoch()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	b = open(t, path, 0)
	if b.Epoch() != epoch {
		t.Fatalf("epoch changed over a restart: %s, was %s", b.Epoch(), epoch)
	}
	if s, err := b.State(ctx, "cam"); err != nil || string(s) != "s1" {
		t.Fatalf("state after restart = %q, %v", s, err)
	}
	got, err := b.Pending(ctx, 0, 10, 1<<20)
	if err != nil || len(got) != 3 || got[0].Seq != 1 || got[2].Event.ID != "E3" {
		t.Fatalf("pending after restart = %+v, %v", got, err)
	}
	if err := b.Ack(ctx, edgev1.Ack{Epoch: "other", Accepted: []edgev1.SeqRange{{From: 1, To: 3}}}); err != nil {
		t.Fatal(err)
	}
	if s, _ := b.Stats(ctx); s.Depth != 3 {
		t.Fatalf("an answer for another epoch removed rows: depth %d", s.Depth)
	}
	ack := edgev1.Ack{Epoch: epoch, Accepted: []edgev1.SeqRange{{From: 1, To: 1}}, Rejected: []edgev1.Rejection{{Seq: 2, Field: "kind", Message: "unknown"}}}
	for range 2 { // an answer may come twice
		if err := b.Ack(ctx, ack); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.Stats(ctx)
	if err != nil || s.Depth != 1 || s.Rejected != 1 || s.LastSeq != 3 {
		t.Fatalf("stats = %+v, %v", s, err)
	}
	r, err := b.RejectedList(ctx, 5)
	if err != nil || len(r) != 1 || r[0].Field != "kind" || r[0].Envelope.Event.ID != "E2" {
		t.Fatalf("rejected = %+v, %v", r, err)
	}
	if seq, err := b.Commit(ctx, outbox.Change{Events: []edgev1.Event{event(4)}}); err != nil || seq != 4 {
		t.Fatalf("next number = %d, %v; numbers must never be used again", seq, err)
	}
}

func TestCapLeavesAnExplainedGap(t *testing.T) {
	ctx := context.Background()
	b := open(t, filepath.Join(t.TempDir(), "o.db"), 50)
	for i := range 60 {
		if _, err := b.Commit(ctx, outbox.Change{Events: []edgev1.Event{event(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := b.Pending(ctx, 0, 200, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	have := map[int64]bool{}
	for _, e := range got {
		have[e.Seq] = true
		if e.Gap != nil {
			for s := e.Gap.From; s <= e.Gap.To; s++ {
				have[s] = true
			}
		}
	}
	s, _ := b.Stats(ctx)
	if s.Dropped == 0 || s.Depth > 56 {
		t.Fatalf("stats = %+v: expected drops and a bounded depth", s)
	}
	for seq := int64(1); seq <= s.LastSeq; seq++ {
		if !have[seq] {
			t.Errorf("number %d is neither there nor explained", seq)
		}
	}
}

func TestConcurrentCommitsKeepNumbersDense(t *testing.T) {
	ctx := context.Background()
	b := open(t, filepath.Join(t.TempDir(), "o.db"), 0)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 10 {
				if _, err := b.Commit(ctx, outbox.Change{Events: []edgev1.Event{event(g*10 + i)}}); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	got, err := b.Pending(ctx, 0, 200, 1<<20)
	if err != nil || len(got) != 80 {
		t.Fatalf("%d rows, %v", len(got), err)
	}
	for i, e := range got {
		if e.Seq != int64(i+1) {
			t.Fatalf("row %d has number %d", i, e.Seq)
		}
	}
	select {
	case <-b.Wake():
	case <-time.After(time.Second):
		t.Fatal("no wake-up after commits")
	}
}
