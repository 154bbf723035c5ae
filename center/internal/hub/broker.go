package hub

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/errs"
)

// startBroker opens the MQTT listener. Every connection needs a certificate
// of our authority; which box it is, is in the certificate and nowhere else.
func (s *Service) startBroker(tc *tls.Config) error {
	ln, err := net.Listen("tcp", s.o.MQTT)
	if err != nil {
		return fmt.Errorf("open MQTT listener: %w", err)
	}
	tc = tc.Clone()
	tc.ClientAuth = tls.RequireAndVerifyClientCert
	s.mqttLn = ln

	caps := mqtt.NewDefaultServerCapabilities()
	// One larger than allowed is still read, so that it can be refused with
	// a message instead of a broken line.
	caps.MaximumPacketSize = 2*edgev1.MaxPayload + 1024
	caps.MaximumSessionExpiryInterval = 3600
	caps.MaximumMessageExpiryInterval = 3600
	caps.MaximumInflight = 1024
	caps.MaximumClientWritesPending = 1024
	caps.SharedSubAvailable = 0
	s.broker = mqtt.New(&mqtt.Options{
		InlineClient: true, Capabilities: caps, SysTopicResendInterval: 3600,
		ClientNetReadBufferSize: 16 << 10, ClientNetWriteBufferSize: 8 << 10,
		// The broker's own log prints whole payloads; the hook logs instead.
		Logger: slog.New(slog.DiscardHandler),
	})
	if err := s.broker.AddHook(&hook{s: s}, nil); err != nil {
		return fmt.Errorf("set up broker: %w", err)
	}
	if err := s.broker.AddListener(listeners.NewNet("boxes", &deadlineListener{Listener: ln, tls: tc})); err != nil {
		return fmt.Errorf("set up broker: %w", err)
	}
	if err := s.broker.Serve(); err != nil {
		return fmt.Errorf("serve MQTT: %w", err)
	}
	for suffix, f := range map[string]func(edge string, payload []byte){
		edgev1.UpEvent: s.ingest.takeBatch, edgev1.UpStatus: s.ingest.takeStatus, edgev1.UpResult: s.takeResult,
	} {
		err := s.broker.Subscribe(edgev1.Topic("+", suffix), 1, func(_ *mqtt.Client, _ packets.Subscription, pk packets.Packet) {
			if s.isClosing() {
				return // not acknowledged: the box sends it again
			}
			edge, _, _ := strings.Cut(strings.TrimPrefix(pk.TopicName, edgev1.TopicPrefix), "/")
			// The broker reuses nothing of a packet, but keep our own bytes.
			f(edge, bytes.Clone(pk.Payload))
		})
		if err != nil {
			return fmt.Errorf("subscribe to %s: %w", suffix, err)
		}
	}
	return nil
}

// deadlineListener gives a connection ten seconds until it has said who it
// is; the broker sets its own deadlines afterwards.
type deadlineListener struct {
	net.Listener
	tls *tls.Config
}

// Accept implements net.Listener.
func (l *deadlineListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return tls.Server(c, l.tls), nil
}

// send publishes one message down to a box.
func (s *Service) send(edge, suffix string, v any, retain bool) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("send %s to box %s: %w", suffix, edge, err)
	}
	if err := s.broker.Publish(edgev1.Topic(edge, suffix), b, retain, 1); err != nil {
		return fmt.Errorf("send %s to box %s: %w", suffix, edge, err)
	}
	return nil
}

// hook decides who may connect, and who may write and read what.
type hook struct {
	mqtt.HookBase
	s *Service
}

// ID implements mqtt.Hook.
func (h *hook) ID() string { return "jiexun" }

// Provides implements mqtt.Hook.
func (h *hook) Provides(b byte) bool {
	switch b {
	case mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPublish, mqtt.OnSessionEstablished, mqtt.OnDisconnect:
		return true
	}
	return false
}

// OnConnectAuthenticate implements mqtt.Hook. What is refused here is answered
// with "not authorised", return code 5.
func (h *hook) OnConnectAuthenticate(cl *mqtt.Client, pk packets.Packet) bool {
	reason, err := h.admit(cl, pk)
	if err == nil {
		return true
	}
	h.s.m.refuse(reason)
	h.s.o.Log.Warn("box refused", "reason", reason, "client", pk.Connect.ClientIdentifier, "remote", cl.Net.Remote, "err", err)
	return false
}

func (h *hook) admit(cl *mqtt.Client, pk packets.Packet) (string, error) {
	conn, ok := cl.Net.Conn.(*tls.Conn)
	if !ok {
		return "noTLS", errors.New("the connection is not TLS")
	}
	peers := conn.ConnectionState().PeerCertificates
	if len(peers) == 0 {
		return "noCertificate", errors.New("no client certificate")
	}
	edge := peers[0].Subject.CommonName
	name, instance, _ := strings.Cut(pk.Connect.ClientIdentifier, "/")
	if name != edge || instance == "" {
		return "clientId", fmt.Errorf("client id %q must be %s/<instance>", pk.Connect.ClientIdentifier, edge)
	}
	if w := pk.Connect.WillTopic; pk.Connect.WillFlag && w != edgev1.Topic(edge, edgev1.UpStatus) {
		return "willTopic", fmt.Errorf("last will on topic %q is not allowed", w)
	}
	ctx, cancel := requestContext()
	defer cancel()
	err := h.s.o.Registry.Admit(ctx, edge, serialText(peers[0].SerialNumber), instance)
	switch {
	case err == nil:
		cl.Properties.Username = []byte(edge) // what the other hooks go by
		return "", nil
	case errs.Is(err, errs.ConflictCode):
		return "duplicate", err
	case errs.Is(err, errs.ForbiddenCode), errs.Is(err, errs.NotFoundCode):
		return "notAdmitted", err
	}
	return "unavailable", err
}

// OnACLCheck implements mqtt.Hook: a box writes its own up topics and reads
// its own down topics.
func (h *hook) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	edge := string(cl.Properties.Username)
	ok := false
	if write {
		for _, t := range []string{edgev1.UpEvent, edgev1.UpStatus, edgev1.UpResult} {
			ok = ok || topic == edgev1.Topic(edge, t)
		}
	} else {
		ok = strings.HasPrefix(topic, edgev1.TopicPrefix+edge+"/down/")
	}
	if !ok {
		h.s.m.refuse("topic")
		h.s.o.Log.Warn("topic refused", "box", edge, "topic", topic, "write", write)
	}
	return ok
}

// OnPublish implements mqtt.Hook: nothing that a box says is retained.
func (h *hook) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if !cl.Net.Inline {
		pk.FixedHeader.Retain = false
	}
	return pk, nil
}

// OnSessionEstablished implements mqtt.Hook.
func (h *hook) OnSessionEstablished(cl *mqtt.Client, _ packets.Packet) {
	edge := string(cl.Properties.Username)
	h.s.mu.Lock()
	h.s.online[edge] = cl.ID
	n := len(h.s.online)
	h.s.mu.Unlock()
	h.s.m.connected.Set(float64(n))
	h.s.o.Log.Info("box connected", "box", edge, "remote", cl.Net.Remote)
}

// OnDisconnect implements mqtt.Hook.
func (h *hook) OnDisconnect(cl *mqtt.Client, err error, _ bool) {
	edge := string(cl.Properties.Username)
	if errors.Is(err, packets.ErrPacketTooLarge) {
		h.s.m.refuse("payloadTooLarge")
		h.s.o.Log.Warn("box sent too large a message; line closed", "box", edge, "limit", edgev1.MaxPayload)
	}
	if cl.IsTakenOver() {
		return // the same box on a new line
	}
	h.s.mu.Lock()
	if h.s.online[edge] == cl.ID {
		delete(h.s.online, edge)
	}
	n := len(h.s.online)
	h.s.mu.Unlock()
	h.s.m.connected.Set(float64(n))
	h.s.o.Log.Info("box disconnected", "box", edge, "err", err)
}
