package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/prometheus/client_golang/prometheus"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/ids"
)

// Options are what the hub needs.
type Options struct {
	DB       *db.DB
	Clock    clock.Clock
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	Blobs    *blob.Store
	CA       *CA
	Registry Registry
	Sink     EventSink
	// Observations takes what boxes saw for their tasks; without it such
	// messages are refused.
	Observations ObservationSink
	// Wake is called after a commit that published outbox events.
	Wake func()
	// MQTT and HTTPS are the addresses to listen on, host:port; port 0
	// takes a free one.
	MQTT, HTTPS string
	// Names are further names and addresses of this center for its
	// certificates. PublicHost is the one that boxes are told; empty means
	// the host of the listening address.
	Names      []string
	PublicHost string
	// Workers commit at the same time, 0 means one: a commit takes all that
	// waits, and domains number their records one after the other anyway.
	Workers int
}

// Service is the hub.
type Service struct {
	o       Options
	m       *metrics
	broker  *mqtt.Server
	ingest  *ingest
	waits   waits
	mqttLn  net.Listener
	httpLn  net.Listener
	httpSrv *http.Server
	uploads uploads

	mu      sync.Mutex
	online  map[string]string // edge to client id
	configs map[string]edgev1.Config
	closing bool
	done    sync.WaitGroup
}

// New makes the hub; Start opens its listeners.
func New(o Options) *Service {
	if o.Workers == 0 {
		o.Workers = 1
	}
	if o.Wake == nil {
		o.Wake = func() {}
	}
	s := &Service{o: o, m: newMetrics(o.Metrics), online: map[string]string{}, configs: map[string]edgev1.Config{}}
	s.waits.list = map[string]*wait{}
	s.uploads.busy = map[string]bool{}
	s.ingest = newIngest(s)
	return s
}

// Start listens for boxes. It returns once both listeners are open.
func (s *Service) Start(ctx context.Context) error {
	cert, err := s.o.CA.Server(s.o.Names)
	if err != nil {
		return fmt.Errorf("start hub: %w", err)
	}
	tc := &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12,
		ClientCAs: s.o.CA.Pool(), Time: s.o.Clock.Now,
	}
	if err := s.startBroker(tc); err != nil {
		return fmt.Errorf("start hub: %w", err)
	}
	if err := s.startHTTPS(tc); err != nil {
		return fmt.Errorf("start hub: %w", errors.Join(err, s.broker.Close()))
	}
	s.ingest.start(context.WithoutCancel(ctx))
	return nil
}

// MQTTAddr and HTTPSAddr are the addresses that were opened.
func (s *Service) MQTTAddr() string { return s.mqttLn.Addr().String() }

// HTTPSAddr is the address of the boxes' HTTPS listener.
func (s *Service) HTTPSAddr() string { return s.httpLn.Addr().String() }

// Close stops taking messages, commits what was taken, and waits.
func (s *Service) Close() error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return nil
	}
	s.closing = true
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	err := s.httpSrv.Shutdown(ctx)
	if err != nil {
		err = s.httpSrv.Close()
	}
	s.ingest.stop() // acks what is committed while the lines are still open
	err = errors.Join(err, s.broker.Close())
	s.done.Wait()
	return err
}

func (s *Service) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// Online tells whether a box is connected to this center now.
func (s *Service) Online(edge string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.online[edge] != ""
}

// Connected lists the boxes that are connected now.
func (s *Service) Connected() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]string, 0, len(s.online))
	for e := range s.online {
		out = append(out, e)
	}
	return out
}

// Disconnect ends the connection of a box, after it was revoked.
func (s *Service) Disconnect(edge string) {
	s.mu.Lock()
	id := s.online[edge]
	s.mu.Unlock()
	if cl, ok := s.broker.Clients.Get(id); ok {
		cl.Stop(errors.New("revoked"))
	}
}

// Publish gives a box its desired state; the broker keeps it for a box that
// is away. It implements ConfigPublisher.
func (s *Service) Publish(edge string, c edgev1.Config) error {
	if c.MadeAt.IsZero() {
		c.MadeAt = edgev1.At(s.o.Clock.Now())
	}
	c.V, c.Edge = edgev1.ProtocolVersion, edge
	if err := c.Validate(); err != nil {
		return fmt.Errorf("publish configuration to box %s: %w", edge, err)
	}
	s.mu.Lock()
	s.configs[edge] = c
	s.mu.Unlock()
	if s.broker == nil {
		return nil // a command without listeners: published when the center starts
	}
	return s.send(edge, edgev1.DownConfig, c, true)
}

// mayFetch tells whether the box's configuration names the file.
func (s *Service) mayFetch(edge, digest string) bool {
	s.mu.Lock()
	c, ok := s.configs[edge]
	s.mu.Unlock()
	if !ok {
		return false
	}
	for _, cam := range c.Cameras {
		if cam.ReferenceSM3 == digest {
			return true
		}
		for _, z := range cam.Zones {
			if z.SignReferenceSM3 == digest {
				return true
			}
		}
	}
	return false
}

func newCommandID() string { return ids.New() }
