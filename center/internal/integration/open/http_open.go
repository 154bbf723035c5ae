package open

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"jiexun/center/internal/access"
	"jiexun/center/internal/integration/sign"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
)

// Prefix is where the open interfaces are.
const Prefix = "/api/open/v1"

// RefusedBody is the answer to a request that was not let in.
type RefusedBody struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	ID      string `json:"id"`
}

type clientKey struct{}

// of gives the client behind a request that was let in.
func of(ctx context.Context) joined {
	c, _ := ctx.Value(clientKey{}).(joined)
	return c
}

// signed lets in what is signed and granted, answers a repeated write from
// the store, and logs every call.
func (s *Service) signed(kind string) func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		fc := humafiber.Unwrap(hc)
		start := s.db.Now()
		ctx := hc.Context()
		path, query, _ := strings.Cut(string(fc.Request().RequestURI()), "?")
		who := caller.From(ctx)
		in := Incoming{Method: hc.Method(), Path: path, Query: query, IP: who.IP, App: hc.Header(sign.HeaderApp), Time: hc.Header(sign.HeaderTime),
			Nonce: hc.Header(sign.HeaderNonce), Sign: hc.Header(sign.HeaderSign), Kind: kind}
		in.Body = fc.BodyRaw() // as it was sent, before any decompression
		call := InterfaceCall{At: clock.At(start), Kind: kind, Operation: hc.Operation().OperationID, Method: in.Method, Path: clip(path, 200), IP: in.IP, RequestID: who.RequestID}
		c, err := s.Admit(ctx, in)
		call.ClientID, call.AppName = c.ID, c.AppName
		if err == nil {
			err = s.serve(hc, access.With(context.WithValue(ctx, clientKey{}, c), actor(c)), c, in, next)
		}
		if err != nil {
			call.Code = s.answerRefused(hc, who.RequestID, err)
		}
		call.Status, call.Bytes = fc.Response().StatusCode(), int64(len(fc.Response().Body()))
		call.Ms = int(s.db.Now().Sub(start).Milliseconds())
		if call.Code == "" {
			call.Code = codeOf(call.Status, fc.Response().Body())
		}
		s.log(call)
	}
}

func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "?")
}

// serve runs the handler, under an idempotency key when one was sent.
func (s *Service) serve(hc huma.Context, ctx context.Context, c joined, in Incoming, next func(huma.Context)) error { //nolint:revive // huma's context comes first everywhere here
	key := hc.Header("Idempotency-Key")
	if key == "" || in.Method == http.MethodGet {
		next(huma.WithContext(hc, ctx))
		return nil
	}
	if len(key) > 64 {
		return &Refusal{Code: "idempotency_mismatch", Status: http.StatusUnprocessableEntity, Message: "Idempotency-Key 不能超过 64 个字符"}
	}
	old, err := s.begin(ctx, c.ID, key, in)
	if err != nil {
		return err
	}
	fc := humafiber.Unwrap(hc)
	if old != nil {
		hc.SetHeader("Content-Type", "application/json")
		hc.SetHeader("Idempotent-Replayed", "true")
		hc.SetStatus(old.Status)
		_, err := hc.BodyWriter().Write(old.Body)
		return err
	}
	next(huma.WithContext(hc, ctx))
	a := stored{Status: fc.Response().StatusCode(), Body: append([]byte{}, fc.Response().Body()...)}
	if err := s.end(context.WithoutCancel(ctx), c.ID, key, a); err != nil {
		s.o.Log.Error("an answer was not stored under its idempotency key", "client", c.ID, "err", err)
	}
	return nil
}

// answerRefused writes the refusal and gives its code.
func (s *Service) answerRefused(hc huma.Context, id string, err error) string {
	var r *Refusal
	if !errors.As(err, &r) {
		s.o.Log.Error("an open interface failed", "id", id, "err", err)
		r = &Refusal{Code: "internal", Status: http.StatusInternalServerError, Message: "系统出了问题，请稍后再试；如果一直这样，请把编号告诉运维人员"}
	}
	hc.SetHeader("Content-Type", "application/json")
	if r.Code == sign.RateLimited {
		hc.SetHeader("Retry-After", "1")
	}
	hc.SetStatus(r.Status)
	b, _ := json.Marshal(RefusedBody{Code: string(r.Code), Message: r.Message, ID: id}) // texts only: cannot fail
	if _, err := hc.BodyWriter().Write(b); err != nil {
		s.o.Log.Debug("refusal not written", "err", err)
	}
	return string(r.Code)
}

// codeOf is the code of an answer for the log: ok, or the one in the body.
func codeOf(status int, body []byte) string {
	if status < 400 {
		return "ok"
	}
	var p RefusedBody
	if json.Unmarshal(body, &p) == nil && p.Code != "" {
		return clip(p.Code, 40)
	}
	return "error"
}

// add registers one open operation and marks it in the description.
func add[I, O any](s *Service, api huma.API, kind, method, path, id, summary string, h func(context.Context, *I) (*O, error)) {
	httpx.Register(api, httpx.Public, huma.Operation{
		OperationID: "open-" + id, Method: method, Path: Prefix + path, Summary: summary, Tags: []string{"open-" + kind},
		Errors: []int{401, 403, 404, 409, 422, 429}, Middlewares: huma.Middlewares{s.signed(kind)},
	}, h)
	for p, item := range api.OpenAPI().Paths {
		if p != Prefix+path {
			continue
		}
		for _, o := range []*huma.Operation{item.Get, item.Post} {
			if o != nil {
				o.Extensions["x-interface"] = kind
			}
		}
	}
}

type listQuery struct {
	State string `query:"state" maxLength:"20"`
	Kind  string `query:"kind" maxLength:"20"`
	From  string `query:"from" format:"date-time" doc:"Created from"`
	To    string `query:"to" format:"date-time" doc:"Created before"`
	httpx.Paging
}

func moment(s string) *clock.Stamp {
	var at clock.Stamp
	if s == "" || at.UnmarshalText([]byte(s)) != nil {
		return nil
	}
	return &at
}

func (q listQuery) query() Query {
	return Query{State: q.State, Kind: q.Kind, From: moment(q.From), To: moment(q.To), Paging: q.Paging}
}

type cursorQuery struct {
	Cursor string `query:"cursor" maxLength:"80" doc:"next of the last answer, or a time; empty for all"`
	Size   int    `query:"size" minimum:"1" maximum:"500" default:"100"`
}

type pathID struct {
	ID string `path:"id" maxLength:"60"`
}

// RegisterOpen adds the open interfaces.
func (s *Service) RegisterOpen(api huma.API) {
	add(s, api, KindUser, http.MethodGet, "/users", "users", "Persons that changed since the cursor",
		func(ctx context.Context, in *cursorQuery) (*httpx.Body[Increment[PersonFact]], error) {
			return httpx.Out(s.users(ctx, in.Cursor, in.Size))
		})
	add(s, api, KindUser, http.MethodGet, "/orgs", "orgs", "Organisations in the data scope",
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]OrgFact], error) {
			return httpx.Out(orgs(ctx, s.db.Read(), actor(of(ctx)).Scope))
		})
	s.registerIdentity(api)
	s.registerBusiness(api)
	s.registerTodos(api)
	s.registerSelf(api)
}

func (s *Service) registerIdentity(api huma.API) {
	add(s, api, KindIdentity, http.MethodPost, "/identity/ticket", "identity-ticket", "Who a one-time ticket stands for",
		func(ctx context.Context, in *struct {
			Body struct {
				Ticket string `json:"ticket" minLength:"16" maxLength:"64"`
			}
		},
		) (*httpx.Body[OpenIdentity], error) {
			return httpx.Out(s.spendTicket(ctx, of(ctx), in.Body.Ticket))
		})
	if s.o.Tokens != nil {
		add(s, api, KindIdentity, http.MethodPost, "/identity/introspect", "identity-introspect", "Whether an API token is valid, and whose it is",
			func(ctx context.Context, in *struct {
				Body struct {
					Token string `json:"token" minLength:"8" maxLength:"200"`
				}
			},
			) (*httpx.Body[OpenIdentity], error) {
				return httpx.Out(s.introspect(ctx, in.Body.Token))
			})
	}
	add(s, api, KindAuthorize, http.MethodPost, "/authorisation/check", "authorisation-check", "Whether a person has a permission, and where",
		func(ctx context.Context, in *struct{ Body OpenQuestion }) (*httpx.Body[OpenVerdict], error) {
			return httpx.Out(s.verdict(ctx, in.Body))
		})
	add(s, api, KindAuthorize, http.MethodGet, "/authorisation/persons/{id}", "authorisation-person", "Roles and permissions of a person",
		func(ctx context.Context, in *pathID) (*httpx.Body[OpenRights], error) {
			return httpx.Out(s.rights(ctx, in.ID))
		})
}

func (s *Service) registerBusiness(api huma.API) {
	add(s, api, KindBusiness, http.MethodGet, "/alerts", "alerts", "Alerts in the data scope",
		func(ctx context.Context, in *listQuery) (*httpx.Body[httpx.List[AlertFact]], error) {
			return httpx.Out(s.o.Business.Alerts(ctx, in.query()))
		})
	add(s, api, KindBusiness, http.MethodGet, "/orders", "orders", "Work orders in the data scope",
		func(ctx context.Context, in *listQuery) (*httpx.Body[httpx.List[OrderFact]], error) {
			return httpx.Out(s.o.Business.Orders(ctx, in.query()))
		})
	add(s, api, KindBusiness, http.MethodGet, "/orders/{id}", "order", "One work order",
		func(ctx context.Context, in *pathID) (*httpx.Body[OrderFact], error) {
			return httpx.Out(s.o.Business.Order(ctx, in.ID))
		})
}

type closeInput struct {
	ID   string `path:"id" maxLength:"60"`
	Body struct {
		Outcome string `json:"outcome,omitempty" maxLength:"200"`
	}
}

func (s *Service) registerTodos(api huma.API) {
	add(s, api, KindTodo, http.MethodPost, "/todos", "todo-put", "Create or update a to-do",
		func(ctx context.Context, in *struct{ Body OpenTodo }) (*httpx.Body[OpenTodoState], error) {
			return httpx.Out(s.putTodo(ctx, of(ctx), in.Body))
		})
	add(s, api, KindTodo, http.MethodGet, "/todos", "todos", "The to-dos that this application pushed",
		func(ctx context.Context, in *struct {
			State string `query:"state" enum:",open,done,cancelled"`
			httpx.Paging
		},
		) (*httpx.Body[httpx.List[OpenTodoState]], error) {
			rows, n, err := todos(ctx, s.db.Read(), of(ctx).ID, in.State, in.Paging)
			return httpx.Out(httpx.NewList(rows, n, in.Paging, s.db.Now()), err)
		})
	for _, x := range []struct{ verb, state, summary string }{{"done", "done", "Close a to-do as done"}, {"cancel", "cancelled", "Withdraw a to-do"}} {
		add(s, api, KindTodo, http.MethodPost, "/todos/{id}/"+x.verb, "todo-"+x.verb, x.summary,
			func(ctx context.Context, in *closeInput) (*httpx.Body[OpenTodoState], error) {
				return httpx.Out(s.closeTodo(ctx, of(ctx), in.ID, x.state, in.Body.Outcome))
			})
	}
}

func (s *Service) registerSelf(api huma.API) {
	add(s, api, KindApp, http.MethodGet, "/applications", "applications", "Registered applications",
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]AppFact], error) {
			return httpx.Out(s.o.Codes.Applications(ctx))
		})
	add(s, api, KindApp, http.MethodGet, "/functions", "functions", "Registered functions",
		func(ctx context.Context, in *struct {
			App string `query:"app" maxLength:"60"`
		},
		) (*httpx.Body[[]FunctionFact], error) {
			return httpx.Out(s.o.Codes.Functions(ctx, in.App))
		})
	add(s, api, KindLog, http.MethodGet, "/calls", "calls", "The calls of this application",
		func(ctx context.Context, in *struct {
			Result string `query:"result" enum:",ok,refused,failed"`
			Code   string `query:"code" maxLength:"40"`
			From   string `query:"from" format:"date-time"`
			To     string `query:"to" format:"date-time"`
			httpx.Paging
		},
		) (*httpx.Body[httpx.List[InterfaceCall]], error) {
			return httpx.Out(s.ownCalls(ctx, of(ctx), CallFilter{Result: in.Result, Code: in.Code, From: moment(in.From), To: moment(in.To)}, in.Paging))
		})
	add(s, api, KindLog, http.MethodGet, "/audit", "audit", "Audit records of what this application did",
		func(ctx context.Context, in *struct{ httpx.Paging }) (*httpx.Body[httpx.List[OpenAudit]], error) {
			return httpx.Out(s.ownAudit(ctx, of(ctx), in.Paging))
		})
	add(s, api, KindSelf, http.MethodGet, "/self", "self", "What this application was granted and has used",
		func(ctx context.Context, _ *struct{}) (*httpx.Body[OpenSelf], error) {
			return httpx.Out(s.self(ctx, of(ctx)))
		})
	add(s, api, KindSelf, http.MethodPost, "/self/key", "self-key", "Change the key; the old one stays valid for the overlap",
		func(ctx context.Context, in *struct{ Body rotateBody }) (*httpx.Body[IssuedKey], error) {
			return httpx.Out(s.rotate(ctx, of(ctx).ID, in.Body.overlap()))
		})
}
