package losstest

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/oklog/ulid/v2"

	"jiexun/edge-agent/internal/evidence"
	"jiexun/edge-agent/internal/identity"
)

const eventsPerSecond = 50

// drainLimit bounds the wait for the last message: the link's longest pause
// between two tries, and some.
const drainLimit = 2 * time.Minute

func TestMain(m *testing.M) {
	if conf := os.Getenv(boxEnv); conf != "" {
		if err := runBox(conf); err != nil {
			fmt.Fprintln(os.Stderr, "box:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestNothingIsLostOrDoubled runs LOSS_ROUNDS rounds (5 without it) of random
// faults on SQLite, and, with CENTER_TEST_PG, LOSS_PG_ROUNDS (half as many
// without it) on PostgreSQL.
// LOSS_SEED repeats a choice of faults; moments still differ.
func TestNothingIsLostOrDoubled(t *testing.T) {
	rounds := number(t, "LOSS_ROUNDS", 5)
	seed := number(t, "LOSS_SEED", int(time.Now().UnixNano()%1e9))
	bin := buildCenter(t)
	t.Run("sqlite", func(t *testing.T) { loss(t, bin, "", rounds, uint64(seed)) })
	if server := os.Getenv("CENTER_TEST_PG"); server != "" {
		t.Run("postgres", func(t *testing.T) {
			loss(t, bin, pgDatabase(t, server), number(t, "LOSS_PG_ROUNDS", (rounds+1)/2), uint64(seed))
		})
	}
}

func number(t *testing.T, env string, otherwise int) int {
	t.Helper()
	s := os.Getenv(env)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("%s must be a positive number, got %q", env, s)
	}
	return n
}

// buildCenter builds the program under test, or takes LOSS_CENTER_BIN.
func buildCenter(t *testing.T) string {
	t.Helper()
	if bin := os.Getenv("LOSS_CENTER_BIN"); bin != "" {
		return bin
	}
	bin := filepath.Join(t.TempDir(), "center")
	if out, err := exec.Command("go", "build", "-o", bin, "jiexun/center/cmd/center").CombinedOutput(); err != nil {
		t.Fatalf("build center: %v\n%s", err, out)
	}
	return bin
}

// pgDatabase makes an empty database that goes with the test.
func pgDatabase(t *testing.T, server string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	name := "losstest_" + strings.ToLower(ulid.Make().String())
	if _, err := db.Exec(`CREATE DATABASE ` + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec(`DROP DATABASE ` + name + ` WITH (FORCE)`); err != nil {
			t.Error(err)
		}
		db.Close()
	})
	u.Path = "/" + name
	return u.String()
}

// world is everything that a round may break.
type world struct {
	t           *testing.T
	r           *rand.Rand
	center      *center
	box         *boxProcess
	mqtt, https *proxy
	count       map[string]int
	resends     int64
	connects    int64
	lived       time.Duration // of all lives of the box while it made events
}

func loss(t *testing.T, bin, db string, rounds int, seed uint64) {
	start := time.Now()
	w := setUp(t, bin, db, seed)
	for i := range rounds {
		w.round(i)
		if t.Failed() {
			t.Fatalf("round %d; the box says:\n%s", i+1, w.box.log())
		}
	}
	w.flow("the end")
	w.addUp()
	if err := w.box.proc.end(drainLimit); err != nil {
		t.Fatalf("the box did not bring everything to the center: %v, %+v\n%s", err, w.box.report(), w.box.log())
	}
	sum := verify(t, w)
	if err := w.center.proc.end(20 * time.Second); err != nil {
		t.Errorf("the center's end: %v", err)
	}
	kinds := []string{}
	for k, n := range w.count {
		kinds = append(kinds, fmt.Sprintf("%s %d", k, n))
	}
	slices.Sort(kinds)
	t.Logf("%d rounds, seed %d, %s: %s", rounds, seed, time.Since(start).Round(time.Second), strings.Join(kinds, ", "))
	t.Logf("events: journaled %d (%.0f a second of the box's life; %d notes cut off by kills), made by the outbox %d, stored %d, alerts %d",
		sum.journaled, float64(sum.journaled)/w.lived.Seconds(), sum.cutNotes, sum.made, sum.stored, sum.alerts)
	t.Logf("evidence files %d; lines made %d; windows sent again %d; lost, doubled or unexplained: %d", sum.evidence, w.connects, w.resends, sum.faults)
	if sum.journaled < rounds*eventsPerSecond/2 {
		t.Errorf("only %d events were made in %d rounds: the test did not test", sum.journaled, rounds)
	}
}

func setUp(t *testing.T, bin, db string, seed uint64) *world {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "center")
	for _, d := range []string{data, filepath.Join(dir, "scenes"), filepath.Join(dir, "box")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := newCenter(t, bin, data, db)
	c.command("seed", "demo", "--rtsp", "rtsp://127.0.0.1:8654", "--scenes", filepath.Join(dir, "scenes"))
	token := c.command("edge", "token", "黄浦一号盒", "--edge", c.edge)
	c.start()
	w := &world{
		t: t, r: rand.New(rand.NewPCG(seed, 1)), center: c, box: newBox(t, filepath.Join(dir, "box"), token),
		mqtt: startProxy(t, c.mqtt), https: startProxy(t, c.edge), count: map[string]int{},
	}
	w.box.conf.MQTT, w.box.conf.HTTPS = w.mqtt.addr(), w.https.addr()
	w.box.start()
	return w
}

// flow waits until events come through: with nothing broken they must, after
// the link's longest pause at the latest.
func (w *world) flow(when string) {
	w.t.Helper()
	if !w.box.flowing(75 * time.Second) {
		log, _ := os.ReadFile(filepath.Join(w.center.data, "center.log"))
		w.t.Fatalf("%s: nothing comes through, %+v\nbox:\n%s\ncenter:\n%s", when, w.box.report(), w.box.log(), tail(log))
	}
}

func (w *world) pause(least, most time.Duration) { time.Sleep(least + rand.N(most-least)) }

// addUp keeps the counters of a box's life before it ends.
func (w *world) addUp() {
	r := w.box.report()
	w.lived += time.Since(w.box.born)
	w.connects += r.Connects
	w.resends += r.Resends
}

// round breaks one thing, or two, at a random moment and mends it later.
func (w *world) round(i int) {
	w.flow(fmt.Sprintf("round %d", i+1))
	w.pause(0, 1500*time.Millisecond)
	const short, long = 100 * time.Millisecond, 2 * time.Second
	switch fault := w.r.IntN(8); fault {
	case 0, 1:
		w.count["box killed"]++
		w.killBox()
		w.pause(short, long)
		w.box.start()
	case 2, 3:
		w.count["center killed"]++
		w.center.proc.kill()
		w.pause(short, long)
		w.center.start()
	case 4:
		w.count["both killed"]++
		w.center.proc.kill()
		w.pause(0, short)
		w.killBox()
		w.pause(short, long)
		w.box.start()
		w.pause(short, long) // the box makes events without a center
		w.center.start()
	case 5:
		w.count["network cut"]++
		w.cut(true, w.mqtt, w.https)
		w.pause(short, long)
		w.cut(false, w.mqtt, w.https)
	case 6:
		p, name := w.mqtt, "messages' line cut"
		if w.r.IntN(2) == 0 {
			p, name = w.https, "evidence's line cut"
		}
		w.count[name]++
		w.cut(true, p)
		w.pause(short, long)
		w.cut(false, p)
	case 7:
		w.count["network silent"]++
		broken := w.r.IntN(2) == 0
		for _, p := range []*proxy{w.mqtt, w.https} {
			p.setSilent(true, false)
		}
		w.pause(short, 2*long)
		if w.r.IntN(3) == 0 {
			w.count["center killed in the silence"]++
			w.center.proc.kill()
			w.center.start()
		}
		for _, p := range []*proxy{w.mqtt, w.https} {
			p.setSilent(false, broken)
		}
	}
}

func (w *world) cut(cut bool, list ...*proxy) {
	for _, p := range list {
		p.setCut(cut)
	}
}

func (w *world) killBox() {
	if !w.box.proc.running() {
		w.t.Errorf("the box ended by itself: %v", w.box.proc.err)
	}
	w.addUp()
	w.box.proc.kill()
}

// TestEvidenceOfABrokenOffCheck: a center that is killed between the last byte
// of a file and its check keeps all of it as an unfinished upload. The box
// must not take that for the end.
func TestEvidenceOfABrokenOffCheck(t *testing.T) {
	w := setUp(t, buildCenter(t), "", 1)
	w.flow("the start")
	w.box.proc.kill()
	id, err := identity.Load(filepath.Join(w.box.conf.Dir, "identity"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := evidence.Open(evidence.Options{Dir: filepath.Join(w.box.conf.Dir, "evidence")})
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("picture "), 5000)
	digest, err := files.Put(data, "image/jpeg")
	if err != nil {
		t.Fatal(err)
	}
	partial := filepath.Join(w.center.data, "blobs", "partial", id.Edge+"-"+digest)
	if err := os.WriteFile(partial, data, 0o640); err != nil {
		t.Fatal(err)
	}
	w.box.start()
	w.flow("the end")
	if err := w.box.proc.end(drainLimit); err != nil {
		t.Fatalf("%v\n%s", err, w.box.log())
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: id.TLS}}
	defer client.CloseIdleConnections()
	if err := whole(t.Context(), client, id.HTTPS, w.center.data, digest); err != nil {
		t.Error(err)
	}
	verify(t, w)
}

// TestTheTestSeesLoss makes sure that the comparison can fail: a row that is
// missing, one too many, or a second alert must each be noticed.
func TestTheTestSeesLoss(t *testing.T) {
	good := func() books {
		return books{
			journal: []made{{ID: "a", Rev: 1, SM3: "x"}, {ID: "a", Rev: 2, Ended: true}},
			lastSeq: 2,
			stored:  []message{{"e", 1, "a", 1}, {"e", 2, "a", 2}},
			alerts:  []alert{{"a", "ended"}},
			gaps:    []string{"[]"},
			whole:   func(string) error { return nil },
		}
	}
	if faults := good().compare(); len(faults) > 0 {
		t.Fatalf("good books have faults: %q", faults)
	}
	for name, spoil := range map[string]func(*books){
		"lost message":     func(b *books) { b.stored = b.stored[:1] },
		"doubled message":  func(b *books) { b.stored = append(b.stored, message{"e", 3, "a", 2}); b.lastSeq = 3 },
		"hole":             func(b *books) { b.stored[1].seq = 3; b.lastSeq = 3 },
		"second numbering": func(b *books) { b.stored[1].epoch = "f" },
		"doubled alert":    func(b *books) { b.alerts = append(b.alerts, b.alerts[0]) },
		"lost alert":       func(b *books) { b.alerts = nil },
		"end not seen":     func(b *books) { b.alerts[0].phase = "opened" },
		"gap":              func(b *books) { b.gaps = []string{"[[1,1]]"} },
		"rejection":        func(b *books) { b.rejected = 1 },
		"evidence missing": func(b *books) { b.whole = func(string) error { return context.Canceled } },
		"outbox not empty": func(b *books) { b.depth = 1 },
		"journal ahead":    func(b *books) { b.journal = append(b.journal, made{ID: "z", Rev: 1}) },
	} {
		b := good()
		spoil(&b)
		if len(b.compare()) == 0 {
			t.Errorf("%s is not noticed", name)
		}
	}
}

func lines(b []byte) [][]byte { return bytes.Split(bytes.TrimSpace(b), []byte("\n")) }
