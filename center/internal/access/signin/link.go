package signin

import (
	"context"
	"net"
	"net/url"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// Ticket makes a one-time link that signs a person in on the phone and opens
// a path of ours. It holds for ttl, at most as long as the policy allows;
// ttl 0 takes that. Only the digest of the ticket is stored.
func (s *Service) Ticket(ctx context.Context, tx db.Tx, personID, path string, ttl time.Duration) (string, error) {
	if !ownPath(path) {
		return "", errs.Invalidf("path", "应为本系统内的路径，例如 /m/order/…")
	}
	most := time.Duration(s.current().LinkMinutes) * time.Minute
	if ttl <= 0 || ttl > most {
		ttl = most
	}
	secret, _, err := s.issue(ctx, tx, kindLink, personID, path, ttl)
	if err != nil {
		return "", err
	}
	return s.o.PublicURL + "/m/t/" + secret, nil
}

// OpenByTicket signs the person of a link in and says which path to open. The
// ticket is used up even when the rules ask for a code too.
func (s *Service) OpenByTicket(ctx context.Context, ticket, agent, old string) (access.Opened, string, error) {
	if err := s.admit(ctx, ipOf(ctx), "link"); err != nil {
		return access.Opened{}, "", err
	}
	c, err := s.spend(ctx, kindLink, ticket)
	if err != nil {
		return access.Opened{}, "", err
	}
	n, err := s.next(ctx, c.PersonID)
	if err != nil {
		return access.Opened{}, "", err
	}
	if n != nil {
		return access.Opened{Next: n}, c.Data, nil
	}
	o, err := s.acc.OpenFor(ctx, c.PersonID, access.MethodSSO, agent, old)
	return o, c.Data, err
}

// ownPath takes paths of this center only: no other host, no tricks.
func ownPath(p string) bool {
	u, err := url.Parse(p)
	return err == nil && len(p) <= 300 && strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "//") && !strings.ContainsAny(p, "\\\r\n\t") && u.Host == "" && u.Scheme == ""
}

// localURL takes http addresses of the person's own machine.
func localURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func ipOf(ctx context.Context) string { return caller.From(ctx).IP }

// manages checks that the actor administers a person's account.
func (s *Service) manages(ctx context.Context, personID string) error {
	who, err := access.Need(ctx, access.AccountManage)
	if err != nil {
		return err
	}
	p, err := s.acc.Person(ctx, personID)
	if err != nil {
		return err
	}
	org, err := s.acc.Org(ctx, p.OrgID)
	if err != nil {
		return err
	}
	if !who.Scope.Covers(org.RegionCode) {
		return errs.NotFound("账号")
	}
	return nil
}

func messageOf(err error) string {
	if e, ok := asError(err); ok {
		return e.Message
	}
	return err.Error()
}

// bindTTL is how long a person has to name the account that a foreign
// identity belongs to.
const bindTTL = 10 * time.Minute

// Bind joins a foreign identity to an account, once, by its password.
func (s *Service) Bind(ctx context.Context, ticket, account, password, agent, old string) (access.Opened, error) {
	c, err := s.peek(ctx, kindBind, ticket)
	if err != nil {
		return access.Opened{}, err
	}
	if err := s.admit(ctx, ipOf(ctx), account); err != nil {
		return access.Opened{}, err
	}
	id, err := s.acc.Verify(ctx, account, password)
	if err != nil {
		if e := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return countTry(ctx, tx, c.Digest) }); e != nil {
			return access.Opened{}, e
		}
		return access.Opened{}, err
	}
	if _, err := s.spend(ctx, kindBind, ticket); err != nil {
		return access.Opened{}, err
	}
	provider, subject, _ := strings.Cut(c.Data, "\n")
	row, err := providerByID(ctx, s.db.Read(), provider)
	if err != nil || row.State != "active" {
		return access.Opened{}, errSpent()
	}
	if err := s.link(ctx, provider, subject, id); err != nil {
		return access.Opened{}, err
	}
	return s.openForeign(ctx, row.Kind, id, agent, old)
}

// openForeign opens a session after a foreign identity was recognised; the
// rules may still ask for a code.
func (s *Service) openForeign(ctx context.Context, kind, personID, agent, old string) (access.Opened, error) {
	n, err := s.next(ctx, personID)
	if err != nil {
		return access.Opened{}, err
	}
	if n != nil {
		return access.Opened{Next: n}, nil
	}
	method := access.MethodSSO
	if kind == "oidc" {
		method = access.MethodOIDC
	}
	return s.acc.OpenFor(ctx, personID, method, agent, old)
}

// link notes which person a foreign subject is.
func (s *Service) link(ctx context.Context, provider, subject, personID string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := putLink(ctx, tx, provider, subject, personID); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "signin.link", Object: "account", ObjectID: personID, Summary: "绑定外部身份", After: map[string]string{"provider": provider, "subject": subject}})
	})
}

// foreign finds the person of a foreign subject, or gives a ticket to bind.
func (s *Service) foreign(ctx context.Context, provider, subject string) (personID, bind string, err error) {
	if subject == "" || len(subject) > 200 || strings.Contains(subject, "\n") {
		return "", "", errs.New(errs.Unauthenticated, "统一身份认证没有给出用户标识")
	}
	l, err := linkOf(ctx, s.db.Read(), provider, subject)
	if err == nil {
		return l.PersonID, "", nil
	}
	if !db.NoRows(err) {
		return "", "", err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		bind, _, err = s.issue(ctx, tx, kindBind, "", provider+"\n"+subject, bindTTL)
		return err
	})
	return "", bind, err
}
