// Package stream sends short notices to the browsers that are signed in, as
// server-sent events. A notice says what changed; the page reads the thing
// itself through the interface, with its own permissions.
package stream

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
)

// Message is one notice.
type Message struct {
	// Event is the name: alert, order, camera, box.
	Event string
	// RegionCode and Perm say who may get it.
	RegionCode string
	Perm       string
	// Holders, when not nil, say it instead: only clients in whose name one
	// of them is get the message.
	Holders []string
	// Data becomes JSON.
	Data any
}

// Viewer decides what one client gets.
type Viewer struct {
	ActorID string
	// Holders are the person and the groups in whose name the client gets
	// messages to holders.
	Holders []string
	// May tells whether the client gets a message of the region and the
	// permission.
	May func(regionCode, perm string) bool
}

func (v Viewer) gets(m Message) bool {
	if m.Holders == nil {
		return v.May(m.RegionCode, m.Perm)
	}
	return slices.ContainsFunc(m.Holders, func(h string) bool { return slices.Contains(v.Holders, h) })
}

// Client is one open connection.
type Client struct {
	v Viewer
	// C carries ready frames; it is closed when the hub drops the client.
	C chan []byte
	// Counts asks the connection to send fresh counts.
	Counts chan struct{}
}

// Hub passes messages to clients. It never waits for a slow one: a client
// whose buffer is full is dropped, and its browser connects again.
type Hub struct {
	mu      sync.Mutex
	clients map[*Client]bool
	closed  bool
	relay   func(wire) // to other centers; nil when there are none
}

// NewHub makes a hub without clients.
func NewHub() *Hub { return &Hub{clients: map[*Client]bool{}} }

const buffer = 64

// Join adds a client; nil when the hub is closed.
func (h *Hub) Join(v Viewer) *Client {
	c := &Client{v: v, C: make(chan []byte, buffer), Counts: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.clients[c] = true
	return c
}

// Leave takes a client out.
func (h *Hub) Leave(c *Client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(c)
}

func (h *Hub) drop(c *Client) {
	if h.clients[c] {
		delete(h.clients, c)
		close(c.C)
	}
}

// Kick ends all connections of an actor, here and at other centers.
func (h *Hub) Kick(actorID string) {
	h.kick(actorID)
	h.pass(wire{Kick: actorID})
}

func (h *Hub) pass(w wire) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.relay != nil {
		h.relay(w)
	}
}

func (h *Hub) kick(actorID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		if c.v.ActorID == actorID {
			h.drop(c)
		}
	}
}

// Send passes a message to the clients that may see it. Call it after the
// commit: tx.AfterCommit(func() { hub.Send(…) }).
func (h *Hub) Send(m Message) {
	h.deliver(m)
	b, err := json.Marshal(m.Data)
	if err != nil {
		return // the same fault
	}
	h.pass(wire{Event: m.Event, RegionCode: m.RegionCode, Perm: m.Perm, Holders: m.Holders, Data: b})
}

// deliver passes a message to the clients of this center.
func (h *Hub) deliver(m Message) {
	frame, err := Frame(m.Event, m.Data)
	if err != nil {
		return // the payload cannot be JSON: a fault of the code, seen in tests
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		if !c.v.gets(m) {
			continue
		}
		select {
		case c.C <- frame:
		default:
			h.drop(c)
			continue
		}
		if m.Event == "alert" || m.Event == "order" || m.Event == "todo" {
			select {
			case c.Counts <- struct{}{}:
			default:
			}
		}
	}
}

// Size is the number of connected clients.
func (h *Hub) Size() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.clients)
}

// Close drops all clients and takes no more.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for c := range h.clients {
		h.drop(c)
	}
}

// Frame writes one server-sent event.
func Frame(event string, data any) ([]byte, error) {
	b, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("frame %s: %w", event, err)
	}
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", event, b), nil
}
