package open

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/integration/sign"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
)

// PersonFact is a person as outside systems see it: no telephone, no
// certificate of identity.
type PersonFact struct {
	ID         string      `json:"id"`
	Account    string      `json:"account"`
	Name       string      `json:"name"`
	CertNo     string      `json:"certNo,omitempty"`
	OrgID      string      `json:"orgId"`
	OrgName    string      `json:"orgName"`
	RegionCode string      `json:"regionCode"`
	Active     bool        `json:"active"`
	UpdatedAt  clock.Stamp `json:"updatedAt"`
}

// OrgFact is an organisation.
type OrgFact struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	RegionCode string `json:"regionCode"`
	ParentID   string `json:"parentId,omitempty"`
}

// Increment is a part of a list that is read from a cursor on.
type Increment[T any] struct {
	Items []T `json:"items"`
	// Next is the cursor of the following part; it is kept by the caller,
	// also when More is false, and asked with again later.
	Next string      `json:"next"`
	More bool        `json:"more"`
	AsOf clock.Stamp `json:"asOf"`
}

// users reads persons that changed after the cursor, inside the client's
// scope.
func (s *Service) users(ctx context.Context, cursor string, size int) (Increment[PersonFact], error) {
	who, err := access.From(ctx)
	if err != nil {
		return Increment[PersonFact]{}, err
	}
	at, id, err := parseCursor(cursor)
	if err != nil {
		return Increment[PersonFact]{}, err
	}
	list, err := personsSince(ctx, s.db.Read(), who.Scope, at, id, size+1)
	if err != nil {
		return Increment[PersonFact]{}, err
	}
	out := Increment[PersonFact]{Items: list, Next: cursor, AsOf: clock.At(s.db.Now())}
	if len(list) > size {
		out.Items, out.More = list[:size], true
	}
	if n := len(out.Items); n > 0 {
		last := out.Items[n-1]
		out.Next = last.UpdatedAt.String() + "_" + last.ID
	}
	return out, nil
}

func parseCursor(c string) (clock.Stamp, string, error) {
	if c == "" {
		return 0, "", nil
	}
	text, id, _ := strings.Cut(c, "_")
	var at clock.Stamp
	if err := at.UnmarshalText([]byte(text)); err != nil || len(id) > 40 {
		return 0, "", errs.Invalidf("cursor", "游标应为上一次应答里的 next，或一个时间")
	}
	return at, id, nil
}

// AppTicket is a one-time proof of who a person is, for one application.
type AppTicket struct {
	Ticket    string      `json:"ticket"`
	URL       string      `json:"url" doc:"The application's address with the ticket"`
	ExpiresAt clock.Stamp `json:"expiresAt"`
}

// ticketValid is how long a ticket may be used.
const ticketValid = 5 * time.Minute

// NewTicket lets the signed-in person open an outside application without
// signing in there again.
func (s *Service) NewTicket(ctx context.Context, appID string) (AppTicket, error) {
	who, err := access.From(ctx)
	if err != nil {
		return AppTicket{}, err
	}
	b := make([]byte, 24)
	_, _ = rand.Read(b)
	t := AppTicket{Ticket: base64.RawURLEncoding.EncodeToString(b)}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		route, name, err := openable(ctx, tx, appID)
		if err != nil {
			return err
		}
		t.ExpiresAt = clock.At(tx.Now().Add(ticketValid))
		sep := "?"
		if strings.Contains(route, "?") {
			sep = "&"
		}
		t.URL = route + sep + "ticket=" + t.Ticket
		r := ticketRow{Hash: sign.Digest([]byte(t.Ticket)), AppID: appID, PersonID: who.ID, EndsAt: t.ExpiresAt}
		if err := insertTicket(ctx, tx, &r); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "interface.ticket", Object: "integration.entry", ObjectID: appID, Summary: who.Name + " 单点登录到应用“" + name + "”"})
	})
	return t, err
}

// OpenIdentity is who a ticket or token stands for.
type OpenIdentity struct {
	Active     bool         `json:"active"`
	PersonID   string       `json:"personId,omitempty"`
	Account    string       `json:"account,omitempty"`
	Name       string       `json:"name,omitempty"`
	OrgID      string       `json:"orgId,omitempty"`
	OrgName    string       `json:"orgName,omitempty"`
	RegionCode string       `json:"regionCode,omitempty"`
	Roles      []string     `json:"roles,omitempty"`
	Scopes     []string     `json:"scopes,omitempty"`
	ExpiresAt  *clock.Stamp `json:"expiresAt,omitempty"`
}

func (s *Service) identity(ctx context.Context, personID string) (OpenIdentity, error) {
	a, err := s.o.People.ActorOf(ctx, personID)
	if errs.Is(err, errs.NotFoundCode) || errs.Is(err, errs.Unauthenticated) {
		return OpenIdentity{}, nil
	}
	if err != nil {
		return OpenIdentity{}, err
	}
	return OpenIdentity{Active: true, PersonID: a.ID, Account: a.Account, Name: a.Name, OrgID: a.OrgID, OrgName: a.OrgName, RegionCode: a.RegionCode, Roles: a.Roles}, nil
}

// spendTicket gives who a ticket stands for, once.
func (s *Service) spendTicket(ctx context.Context, c joined, ticket string) (OpenIdentity, error) {
	person := ""
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		p, ok, err := useTicket(ctx, tx, sign.Digest([]byte(ticket)), c.AppID)
		if err != nil {
			return err
		}
		if !ok {
			return errs.New(errs.Unauthenticated, "票据不存在、已用过或已过期")
		}
		person = p
		return nil
	})
	if err != nil {
		return OpenIdentity{}, err
	}
	return s.identity(ctx, person)
}

// OpenVerdict is the answer of the authorisation interface.
type OpenVerdict struct {
	Allowed  bool     `json:"allowed"`
	Reason   string   `json:"reason"`
	Prefixes []string `json:"prefixes" doc:"Where the person holds it"`
}

// OpenQuestion is what the authorisation interface is asked.
type OpenQuestion struct {
	PersonID   string `json:"personId,omitempty" maxLength:"40"`
	Account    string `json:"account,omitempty" maxLength:"64"`
	Permission string `json:"permission" minLength:"1" maxLength:"60"`
	RegionCode string `json:"regionCode,omitempty" maxLength:"12"`
}

func (s *Service) person(ctx context.Context, id, account string) (access.Actor, error) {
	if id == "" && account == "" {
		return access.Actor{}, errs.Invalidf("personId", "请给出 personId 或 account")
	}
	if id == "" {
		var ok bool
		var err error
		if id, ok, err = s.o.People.PersonByAccount(ctx, account); err != nil || !ok {
			if err == nil {
				err = errs.NotFound("人员")
			}
			return access.Actor{}, err
		}
	}
	a, err := s.o.People.ActorOf(ctx, id)
	if err != nil {
		return a, err
	}
	who, err := access.From(ctx)
	if err != nil {
		return a, err
	}
	if !who.Scope.Covers(a.RegionCode) && !(region.Prefix(a.RegionCode) == "31" && who.Scope.Covers("31")) {
		return access.Actor{}, errs.NotFound("人员") // another district's person is none of this client's
	}
	return a, nil
}

func (s *Service) verdict(ctx context.Context, q OpenQuestion) (OpenVerdict, error) {
	a, err := s.person(ctx, q.PersonID, q.Account)
	if errs.Is(err, errs.NotFoundCode) || errs.Is(err, errs.Unauthenticated) {
		return OpenVerdict{Reason: "没有这个人员或已停用", Prefixes: []string{}}, nil
	}
	if err != nil {
		return OpenVerdict{}, err
	}
	for _, p := range access.Permissions() {
		if p.Code != q.Permission {
			continue
		}
		v := OpenVerdict{Prefixes: a.ScopeFor(q.Permission).Prefixes, Reason: "角色没有这项权限"}
		if v.Prefixes == nil {
			v.Prefixes = []string{}
		}
		v.Allowed = a.Has(q.Permission) && (q.RegionCode == "" || a.Allows(q.Permission, q.RegionCode))
		if v.Allowed {
			v.Reason = "角色具有这项权限"
		} else if a.Has(q.Permission) {
			v.Reason = "有此权限，但不在这个区域"
		}
		return v, nil
	}
	ok, reason, prefixes, err := s.o.Codes.Holds(ctx, a, q.Permission, q.RegionCode)
	return OpenVerdict{Allowed: ok, Reason: reason, Prefixes: prefixes}, err
}

// OpenTodo is a to-do that an outside system pushed.
type OpenTodo struct {
	ClientID   string       `json:"-"`
	ExternalID string       `json:"externalId" minLength:"1" maxLength:"60"`
	Title      string       `json:"title" minLength:"1" maxLength:"400"`
	Summary    string       `json:"summary,omitempty" maxLength:"1000"`
	URL        string       `json:"url,omitempty" maxLength:"500" doc:"Opens it in the outside system"`
	AssigneeID string       `json:"assigneeId" minLength:"1" maxLength:"40" doc:"A person's id"`
	RegionCode string       `json:"regionCode,omitempty" maxLength:"12"`
	Priority   int          `json:"priority,omitempty" minimum:"0" maximum:"2"`
	DueAt      *clock.Stamp `json:"dueAt,omitempty"`
}

// OpenTodoState is a pushed to-do with its state.
type OpenTodoState struct {
	OpenTodo
	State     string      `json:"state" enum:"open,done,cancelled"`
	Outcome   string      `json:"outcome,omitempty"`
	CreatedAt clock.Stamp `json:"createdAt"`
	UpdatedAt clock.Stamp `json:"updatedAt"`
}

func (t OpenTodo) check() error {
	var f errs.Fields
	f.Check(utf8.RuneCountInString(t.Title) <= 100, "title", "标题不能超过 100 个字")
	f.Check(t.URL == "" || strings.HasPrefix(t.URL, "https://") || strings.HasPrefix(t.URL, "http://"), "url", "地址应以 https:// 开头")
	f.Check(t.RegionCode == "" || strings.Trim(t.RegionCode, "0123456789") == "", "regionCode", "区划代码应为数字")
	return f.Err()
}

// putTodo creates or updates a to-do of the client.
func (s *Service) putTodo(ctx context.Context, c joined, t OpenTodo) (OpenTodoState, error) {
	if err := t.check(); err != nil {
		return OpenTodoState{}, err
	}
	a, err := s.person(ctx, t.AssigneeID, "")
	if errs.Is(err, errs.NotFoundCode) || errs.Is(err, errs.Unauthenticated) {
		return OpenTodoState{}, errs.Invalidf("assigneeId", "没有这个人员、已停用，或不在本应用的数据范围内")
	}
	if err != nil {
		return OpenTodoState{}, err
	}
	if t.RegionCode == "" {
		t.RegionCode = a.RegionCode
	}
	t.ClientID = c.ID
	var out OpenTodoState
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if out, err = saveTodo(ctx, tx, t, "open", ""); err != nil {
			return err
		}
		if s.o.Todos != nil {
			if err := s.o.Todos.Put(ctx, tx, c.AppName, t); err != nil {
				return err
			}
		}
		tx.AfterCommit(s.o.Wake)
		return audit.Record(ctx, tx, audit.Entry{Act: "interface.todo.put", Object: "integration.todo", ObjectID: c.ID + "/" + t.ExternalID, RegionCode: t.RegionCode, Summary: "应用“" + c.AppName + "”推送待办：" + t.Title})
	})
	return out, err
}

// closeTodo ends a to-do as done or cancelled; it may be called again.
func (s *Service) closeTodo(ctx context.Context, c joined, id, state, outcome string) (OpenTodoState, error) {
	var out OpenTodoState
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		t, ok, err := todoOf(ctx, tx, c.ID, id)
		if err != nil {
			return err
		}
		if !ok {
			return errs.NotFound("待办")
		}
		if t.State != "open" {
			out = t
			return nil
		}
		if out, err = saveTodo(ctx, tx, t.OpenTodo, state, outcome); err != nil {
			return err
		}
		if s.o.Todos != nil {
			if err := s.o.Todos.Close(ctx, tx, out.OpenTodo, state == "cancelled", outcome); err != nil {
				return err
			}
		}
		tx.AfterCommit(s.o.Wake)
		verb := map[string]string{"done": "办结", "cancelled": "撤回"}[state]
		return audit.Record(ctx, tx, audit.Entry{Act: "interface.todo." + state, Object: "integration.todo", ObjectID: c.ID + "/" + id, RegionCode: t.RegionCode, Summary: "应用“" + c.AppName + "”" + verb + "待办：" + t.Title})
	})
	return out, err
}

// OpenSelf is what a client may know about itself.
type OpenSelf struct {
	AppName    string         `json:"appName"`
	Kinds      []string       `json:"kinds"`
	QuotaDay   int64          `json:"quotaDay"`
	CallsToday int64          `json:"callsToday"`
	RateSecond int            `json:"rateSecond"`
	IPs        []string       `json:"ips"`
	Prefixes   []string       `json:"prefixes"`
	ToAt       clock.Stamp    `json:"toAt"`
	Keys       []InterfaceKey `json:"keys"`
	ServerTime clock.Stamp    `json:"serverTime"`
}

func (s *Service) self(ctx context.Context, c joined) (OpenSelf, error) {
	v, err := s.view(ctx, c.ID)
	return OpenSelf{AppName: v.AppName, Kinds: v.Kinds, QuotaDay: v.QuotaDay, CallsToday: v.CallsToday, RateSecond: v.RateSecond, IPs: v.IPs, Prefixes: v.Prefixes, ToAt: v.ToAt, Keys: v.Keys, ServerTime: clock.At(s.db.Now())}, err
}

// ownCalls is the call log of one client.
func (s *Service) ownCalls(ctx context.Context, c joined, f CallFilter, p httpx.Paging) (httpx.List[InterfaceCall], error) {
	f.ClientID = c.ID
	rows, n, err := listCalls(ctx, s.db.Read(), f, p)
	return httpx.NewList(rows, n, p, s.db.Now()), err
}

// OpenAudit is an audit record about what the client did.
type OpenAudit struct {
	At       clock.Stamp `json:"at"`
	Act      string      `json:"act"`
	Object   string      `json:"object"`
	ObjectID string      `json:"objectId"`
	Summary  string      `json:"summary"`
	IP       string      `json:"ip"`
}

func (s *Service) ownAudit(ctx context.Context, c joined, p httpx.Paging) (httpx.List[OpenAudit], error) {
	rows, n, err := audit.List(ctx, s.db, audit.Filter{Actor: c.ID, Prefixes: []string{"31"}}, p.Limit(), p.Offset())
	if err != nil {
		return httpx.List[OpenAudit]{}, err
	}
	out := make([]OpenAudit, len(rows))
	for i, r := range rows {
		out[i] = OpenAudit{At: r.At, Act: r.Act, Object: r.Object, ObjectID: r.ObjectID, Summary: r.Summary, IP: r.IP}
	}
	return httpx.NewList(out, n, p, s.db.Now()), nil
}

// stored is the answer to an earlier request with the same idempotency key.
type stored struct {
	Status int
	Body   []byte
}

// staleAfter is when a request that never ended lets another take its key.
const staleAfter = time.Minute

// begin reserves an idempotency key; a stored answer is given instead when
// the same request was answered before.
func (s *Service) begin(ctx context.Context, client, key string, in Incoming) (*stored, error) {
	print := sign.Digest([]byte(in.Method + "\n" + in.Path + "\n" + in.Query + "\n" + sign.Digest(in.Body)))
	var out *stored
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		now := clock.At(tx.Now())
		r, fresh, err := reserve(ctx, tx, replayRow{ClientID: client, IdemKey: key, RequestSM3: print, At: now})
		switch {
		case err != nil || fresh:
			return err
		case r.RequestSM3 != print:
			return &Refusal{Code: "idempotency_mismatch", Status: http.StatusConflict, Message: "这个 Idempotency-Key 已用于另一个请求"}
		case r.Status != 0:
			out = &stored{Status: r.Status, Body: []byte(r.Body)}
			return nil
		case r.At > now-clock.Stamp(staleAfter.Milliseconds()):
			return &Refusal{Code: "idempotency_busy", Status: http.StatusConflict, Message: "相同的请求正在处理，请稍后再取结果"}
		}
		return takeOver(ctx, tx, client, key, now)
	})
	return out, err
}

// end stores the answer; one that failed inside the center lets the request
// be made again.
func (s *Service) end(ctx context.Context, client, key string, a stored) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if a.Status >= http.StatusInternalServerError || a.Status == 0 {
			return release(ctx, tx, client, key)
		}
		return keep(ctx, tx, client, key, a)
	})
}
