package stream_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/stream"
	"jiexun/center/internal/platform/testkit"
)

func everything(string, string) bool { return true }

func wait(t *testing.T, c *stream.Client, want string) {
	t.Helper()
	for {
		select {
		case f, ok := <-c.C:
			if !ok {
				t.Fatalf("the connection ended before %q", want)
			}
			if strings.Contains(string(f), want) {
				return
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%q did not come", want)
		}
	}
}

// Two centers on one database: what one sends reaches the clients of both,
// once, also after the database cut the line.
func TestBridge(t *testing.T) {
	if os.Getenv("CENTER_TEST_PG") == "" {
		d := testkit.SQLite(t, clock.System{})
		if b, err := stream.NewBridge(t.Context(), stream.NewHub(), d, testkit.Log(t)); err != nil || b != nil {
			t.Fatalf("SQLite has one center: %v %v", b, err)
		}
		return
	}
	d := testkit.Postgres(t, clock.System{})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{}, 2)
	join := func() *stream.Hub {
		h := stream.NewHub()
		b, err := stream.NewBridge(ctx, h, d, testkit.Log(t))
		if err != nil {
			t.Fatal(err)
		}
		go func() { b.Run(ctx); done <- struct{}{} }()
		return h
	}
	one, two := join(), join()
	defer func() { stop(); <-done; <-done }()
	near := one.Join(stream.Viewer{ActorID: "a", May: everything})
	far := two.Join(stream.Viewer{ActorID: "b", Holders: []string{"b"}, May: everything})
	until(t, one, far, "first")
	cut(t, d)
	until(t, one, far, "second")
	for len(near.C) > 0 {
		<-near.C
	}
	one.Send(stream.Message{Event: "todo", Holders: []string{"c"}, Data: "for c"})
	one.Send(stream.Message{Event: "todo", Holders: []string{"b"}, Data: "for b"})
	wait(t, far, "for b")
	one.Send(stream.Message{Event: "alert", Data: "once"})
	wait(t, near, "once")
	wait(t, far, "once")
	if len(near.C) != 0 {
		t.Fatalf("a center got its own message back: %s", <-near.C)
	}
	one.Kick("b")
	for {
		select {
		case _, ok := <-far.C:
			if !ok {
				return
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the person was not kicked at the other center")
		}
	}
}

// until sends until the message arrives: the other center may still be on its
// way to the database.
func until(t *testing.T, from *stream.Hub, to *stream.Client, text string) {
	t.Helper()
	for range 100 {
		from.Send(stream.Message{Event: "alert", Data: text})
		select {
		case f := <-to.C:
			if strings.Contains(string(f), text) {
				return
			}
		case <-time.After(200 * time.Millisecond):
		}
	}
	t.Fatalf("%q did not come", text)
}

// cut ends every other connection of the cluster that listens.
func cut(t *testing.T, d *db.DB) {
	t.Helper()
	_, err := d.SQL().ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE query LIKE 'LISTEN "jx_stream_' || current_schema() || '%' AND pid <> pg_backend_pid()`)
	if err != nil {
		t.Fatal(err)
	}
}
