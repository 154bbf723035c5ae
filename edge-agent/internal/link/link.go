// Package link is the box's one connection to the center: MQTT for messages,
// acknowledged by the center after its commit, and HTTPS for evidence. The
// box works without it; whatever waits is in the outbox.
package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/identity"
	"jiexun/edge-agent/internal/outbox"
)

// Options of a link. Handlers are called from the link's goroutines and may
// take their time: they never hold up messages.
type Options struct {
	Identity *identity.Identity
	Outbox   *outbox.Box
	Evidence Evidence
	// OnConfig receives each desired state that the center publishes.
	OnConfig func(edgev1.Config)
	// OnCommand runs one command; ctx ends with the command's ttl.
	OnCommand func(context.Context, edgev1.Command) edgev1.Result
	// Status is asked for each status message.
	Status func() edgev1.Status
	// StatusEvery defaults to 10 s, AckTimeout to 8 s.
	StatusEvery time.Duration
	AckTimeout  time.Duration
	Log         *slog.Logger
}

// Link is the running connection.
type Link struct {
	o      Options
	acks   chan edgev1.Ack
	nudge  chan struct{} // status wanted now
	upload chan struct{} // evidence may be waiting
	seen   seenCommands

	connected  atomic.Bool
	offsetMS   atomic.Int64
	uploadedAt atomic.Int64
	counters   Counters
}

// Counters of the link; all only grow.
type Counters struct {
	Connects, ConnectErrors, Batches, Resends, Acked, RejectedRows, BadMessages, Uploads, UploadErrors atomic.Int64
}

// New makes a link; Run starts it.
func New(o Options) *Link {
	if o.StatusEvery <= 0 {
		o.StatusEvery = 10 * time.Second
	}
	if o.AckTimeout <= 0 {
		o.AckTimeout = 8 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Link{o: o, acks: make(chan edgev1.Ack, 256), nudge: make(chan struct{}, 1), upload: make(chan struct{}, 1)}
}

// Connected says whether the broker connection stands.
func (l *Link) Connected() bool { return l.connected.Load() }

// ClockOffset is the box clock minus the center's, measured on answers.
func (l *Link) ClockOffset() time.Duration {
	return time.Duration(l.offsetMS.Load()) * time.Millisecond
}

// UploadedAt is when evidence last reached the center; zero for never.
func (l *Link) UploadedAt() time.Time {
	ms := l.uploadedAt.Load()
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// Counters gives the live counters.
func (l *Link) Counters() *Counters { return &l.counters }

// StatusChanged asks for a status message without waiting for the next turn.
func (l *Link) StatusChanged() { poke(l.nudge) }

// EvidenceAdded tells the uploader that files wait.
func (l *Link) EvidenceAdded() { poke(l.upload) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run connects and reconnects until ctx ends.
func (l *Link) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Add(1)
	go func() { defer wg.Done(); l.runUploads(ctx) }()
	wait := time.Second
	for ctx.Err() == nil {
		start := time.Now()
		err := l.session(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(start) > time.Minute {
			wait = time.Second
		}
		pause := wait/2 + rand.N(wait)
		l.o.Log.Warn("link to center lost", "error", err, "nextTry", pause.Round(100*time.Millisecond))
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		wait = min(wait*2, 30*time.Second)
	}
	wg.Wait()
}

// session is one broker connection from CONNECT to its loss.
func (l *Link) session(ctx context.Context) error {
	lost := make(chan error, 1)
	client := mqtt.NewClient(l.clientOptions(lost))
	if t := client.Connect(); !t.WaitTimeout(20*time.Second) || t.Error() != nil {
		l.counters.ConnectErrors.Add(1)
		client.Disconnect(0)
		return fmt.Errorf("connect to %s: %w", l.o.Identity.MQTT, errors.Join(t.Error(), ctx.Err()))
	}
	defer client.Disconnect(200)
	subs := map[string]byte{}
	for _, s := range []string{edgev1.DownAck, edgev1.DownConfig, edgev1.DownCommand} {
		subs[edgev1.Topic(l.o.Identity.Edge, s)] = 1
	}
	if t := client.SubscribeMultiple(subs, func(_ mqtt.Client, m mqtt.Message) { l.receive(ctx, client, m) }); !t.WaitTimeout(10*time.Second) || t.Error() != nil {
		return fmt.Errorf("subscribe: %w", t.Error())
	}
	l.counters.Connects.Add(1)
	l.connected.Store(true)
	defer l.connected.Store(false)
	l.o.Log.Info("link to center stands", "broker", l.o.Identity.MQTT)
	poke(l.upload)
	return l.pump(ctx, client, lost)
}

func (l *Link) clientOptions(lost chan<- error) *mqtt.ClientOptions {
	id := l.o.Identity
	gone, _ := json.Marshal(edgev1.Status{V: edgev1.ProtocolVersion, Edge: id.Edge, Instance: id.Instance, Epoch: l.o.Outbox.Epoch(), Gone: true})
	return mqtt.NewClientOptions().
		AddBroker(id.MQTT).SetClientID(id.Edge+"/"+id.Instance).SetTLSConfig(id.TLS.Clone()).
		SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectTimeout(15*time.Second).SetKeepAlive(15*time.Second).SetPingTimeout(10*time.Second).
		SetWriteTimeout(15*time.Second).SetOrderMatters(false).
		SetBinaryWill(edgev1.Topic(id.Edge, edgev1.UpStatus), gone, 1, false).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			select {
			case lost <- err:
			default:
			}
		})
}

// receive handles one message from the center; a message that cannot be read
// is counted and logged, never fatal.
func (l *Link) receive(ctx context.Context, client mqtt.Client, m mqtt.Message) {
	id := l.o.Identity.Edge
	var err error
	switch m.Topic() {
	case edgev1.Topic(id, edgev1.DownAck):
		var a edgev1.Ack
		if err = json.Unmarshal(m.Payload(), &a); err == nil {
			select {
			case l.acks <- a:
			case <-ctx.Done():
			}
		}
	case edgev1.Topic(id, edgev1.DownConfig):
		var c edgev1.Config
		if err = json.Unmarshal(m.Payload(), &c); err == nil {
			if err = c.Validate(); err == nil {
				l.o.OnConfig(c)
			}
		}
	case edgev1.Topic(id, edgev1.DownCommand):
		var c edgev1.Command
		if err = json.Unmarshal(m.Payload(), &c); err == nil {
			if err = c.Validate(); err == nil {
				l.command(ctx, client, c)
			}
		}
	}
	if err != nil {
		l.counters.BadMessages.Add(1)
		l.o.Log.Error("message from center refused", "topic", m.Topic(), "error", err)
	}
}

func (l *Link) command(ctx context.Context, client mqtt.Client, c edgev1.Command) {
	ttl := time.Duration(c.TTLS) * time.Second
	if !l.seen.first(c.ID, time.Now(), ttl+time.Minute) {
		return
	}
	go func() {
		cctx, cancel := context.WithTimeout(ctx, ttl)
		defer cancel()
		r := l.o.OnCommand(cctx, c)
		r.V, r.Edge, r.Command, r.At = edgev1.ProtocolVersion, l.o.Identity.Edge, c.ID, edgev1.At(time.Now())
		b, err := json.Marshal(r)
		if err != nil {
			l.o.Log.Error("encode result", "command", c.ID, "error", err)
			return
		}
		client.Publish(edgev1.Topic(l.o.Identity.Edge, edgev1.UpResult), 1, false, b).WaitTimeout(10 * time.Second)
	}()
}

// seenCommands remembers command ids, so that a repeated delivery is not run
// again. Ages are measured by the local monotonic clock.
type seenCommands struct {
	mu  sync.Mutex
	ids map[string]time.Time
}

func (s *seenCommands) first(id string, now time.Time, keep time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, until := range s.ids {
		if now.After(until) {
			delete(s.ids, k)
		}
	}
	if _, ok := s.ids[id]; ok {
		return false
	}
	if s.ids == nil {
		s.ids = map[string]time.Time{}
	}
	s.ids[id] = now.Add(keep)
	return true
}
