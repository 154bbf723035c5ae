package notify

import (
	"context"
	"errors"
	"time"

	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/todo"
)

// Contact is how a person is reached.
type Contact struct {
	ID, Name, Account, Phone string
	Active                   bool
}

// People is what notices ask of the organisation.
type People interface {
	// Contact finds a person; false when absent.
	Contact(ctx context.Context, id string) (Contact, bool, error)
	// Managers gives the group that looks after the channels.
	Managers(ctx context.Context) (todo.Group, error)
}

// Tickets makes links that open a page of the phone once without signing in.
type Tickets func(ctx context.Context, tx db.Tx, personID, path string, ttl time.Duration) (string, error)

// Secrets seals what must not lie open in the database.
type Secrets interface {
	Seal(purpose, plain, aad string) (string, error)
	OpenOrPlain(purpose, text, aad string) (string, error)
}

// Gateway sends through one channel.
type Gateway interface {
	// Send hands a message over and gives the gateway's id for it. A
	// message with the ID of an earlier one must not reach the person
	// twice. A *Refused says that this message will not do; every other
	// error that the gateway itself did not answer.
	Send(ctx context.Context, c Config, m Message) (msgID string, err error)
}

// Config is where and as whom a gateway is called.
type Config struct {
	Address, AppID, Secret, Sender string
}

// Message is one thing to send.
type Message struct {
	// ID is the idempotency key.
	ID    string
	Op    string
	To    string // phone number, account or mail address
	Title string
	Body  string
	URL   string
	// Org is the credit code of an enterprise outside, if it is known.
	Org string
	// ItemID names the to-do, Change what happened to it.
	ItemID, Kind, Change string
	ExpireAt             time.Time
}

// Refused says that the gateway answered and will not take the message.
type Refused struct {
	Reason string
	// Final says that trying again will not help.
	Final bool
}

// Error implements error.
func (r *Refused) Error() string { return "gateway refused: " + r.Reason }

func refused(err error) (reason string, final, ok bool) {
	var r *Refused
	if errors.As(err, &r) {
		return r.Reason, r.Final, true
	}
	return "", false, false
}
