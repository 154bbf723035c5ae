// Package webhook tells outside systems what happened: subscriptions by kind
// of event, signed deliveries at least once from the outbox, repeated with
// growing pauses, with a log that can be replayed.
package webhook

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// WebhookTopic is a kind of event that can be subscribed to.
type WebhookTopic struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

// Topics lists them.
func Topics() []WebhookTopic {
	return []WebhookTopic{
		{"alert.confirmed", "预警已确认"}, {"order.closed", "工单已办结"}, {"order.overdue", "工单已超期"},
		{"todo.created", "待办已产生"}, {"todo.closed", "待办已办结"},
	}
}

// States of a hook and of a delivery.
const (
	On       = "on"
	Off      = "off"      // switched off by a person
	Disabled = "disabled" // switched off after too many failures

	Waiting = "waiting"
	Done    = "done"
	Dead    = "dead" // given up
)

// MaxAttempts is after how many failures a delivery is given up, and
// MaxFailures after how many in a row the hook is switched off.
const (
	MaxAttempts = 10
	MaxFailures = 20
)

// backOff is the pause after an attempt: 10 s, 20 s, … at most an hour.
func backOff(attempts int) time.Duration {
	return min(10*time.Second<<min(max(attempts-1, 0), 12), time.Hour)
}

// Webhook is one subscription.
type Webhook struct {
	ID        string      `json:"id"`
	ClientID  string      `json:"clientId"`
	AppName   string      `json:"appName"`
	Name      string      `json:"name"`
	URL       string      `json:"url"`
	Topics    []string    `json:"topics"`
	State     string      `json:"state" enum:"on,off,disabled"`
	Failures  int         `json:"failures"`
	Note      string      `json:"note,omitempty"`
	Waiting   int64       `json:"waiting"`
	Dead      int64       `json:"dead"`
	Secret    string      `json:"secret,omitempty" doc:"Only in the answer to its making"`
	CreatedAt clock.Stamp `json:"createdAt"`
	Rev       int64       `json:"rev"`
}

// WebhookWrite is what a person writes about a hook.
type WebhookWrite struct {
	ClientID string   `json:"clientId" maxLength:"40"`
	Name     string   `json:"name" maxLength:"200"`
	URL      string   `json:"url" maxLength:"500"`
	Topics   []string `json:"topics" maxItems:"20"`
	On       bool     `json:"on"`
	Rev      int64    `json:"rev,omitempty"`
}

func (in *WebhookWrite) check() error {
	var f errs.Fields
	in.Name, in.URL = strings.TrimSpace(in.Name), strings.TrimSpace(in.URL)
	f.Check(in.Name != "" && utf8.RuneCountInString(in.Name) <= 40, "name", "名称应为 1 到 40 个字")
	u, err := url.Parse(in.URL)
	f.Check(err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil, "url", "地址应为 https://主机/路径 的样式，不含账号")
	f.Check(len(in.Topics) > 0, "topics", "请至少选择一种事件")
	for _, t := range in.Topics {
		f.Check(slices.ContainsFunc(Topics(), func(x WebhookTopic) bool { return x.Code == t }), "topics", "没有事件 %.40s", t)
	}
	return f.Err()
}

// WebhookDelivery is one event on its way to one hook.
type WebhookDelivery struct {
	ID        string       `json:"id"`
	HookID    string       `json:"hookId"`
	HookName  string       `json:"hookName"`
	EventID   string       `json:"eventId"`
	Topic     string       `json:"topic"`
	Payload   string       `json:"payload"`
	State     string       `json:"state" enum:"waiting,done,dead"`
	Attempts  int          `json:"attempts"`
	Status    int          `json:"status"`
	Error     string       `json:"error,omitempty"`
	Ms        int          `json:"ms"`
	NextAt    *clock.Stamp `json:"nextAt,omitempty"`
	CreatedAt clock.Stamp  `json:"createdAt"`
	DoneAt    *clock.Stamp `json:"doneAt,omitempty"`
}

// Message is the body of a delivery.
type Message struct {
	ID    string          `json:"id"`
	Topic string          `json:"topic"`
	At    clock.Stamp     `json:"at"`
	Data  json.RawMessage `json:"data"`
}

// TopicDisabled tells that a hook was switched off after too many failures.
const TopicDisabled = "integration.hook.disabled"

// DisabledEvent is its payload.
type DisabledEvent struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	AppName  string `json:"appName"`
	Failures int    `json:"failures"`
	// Owner is the person who made it.
	Owner string `json:"owner"`
}

// TopicEnabled tells that a person switched such a hook on again.
const TopicEnabled = "integration.hook.enabled"

// EnabledEvent is its payload.
type EnabledEvent struct {
	ID string `json:"id"`
	By string `json:"by"`
}
