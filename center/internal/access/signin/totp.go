package signin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

const (
	period     = 30 // seconds of one code
	skew       = 1  // codes before and after that are taken too
	recoveries = 10
	stepTTL    = 5 * time.Minute
)

// Enrolment is what the app of a phone is set up with; the page draws URL as
// a QR code.
type Enrolment struct {
	Secret string `json:"secret"`
	URL    string `json:"url"`
}

func totpAAD(personID string) string { return "access_signin_totp.secret:" + personID }

// next is asked by access after a right password.
func (s *Service) next(ctx context.Context, personID string) (*access.NextStep, error) {
	row, err := totpOf(ctx, s.db.Read(), personID)
	if err != nil && !db.NoRows(err) {
		return nil, fmt.Errorf("read second factor: %w", err)
	}
	kind := ""
	if err == nil && row.ConfirmedAt != nil {
		kind = kindTOTP
	} else if p := s.current(); len(p.TOTPRoles) > 0 {
		roles, err := s.acc.OwnRoles(ctx, personID)
		if err != nil {
			return nil, err
		}
		if p.forRoles(p.TOTPRoles, roles) {
			kind = kindEnrol
		}
	}
	if kind == "" {
		return nil, nil
	}
	n := &access.NextStep{Kind: kind}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		var err error
		n.Ticket, n.ExpiresAt, err = s.issue(ctx, tx, kind, personID, "", stepTTL)
		return err
	})
	return n, err
}

// startTOTP makes a secret that holds once its first code was entered.
func (s *Service) startTOTP(ctx context.Context, personID string) (Enrolment, error) {
	p, err := s.acc.Person(ctx, personID)
	if err != nil {
		return Enrolment{}, err
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "街巡", AccountName: p.Account, Period: period, SecretSize: 20, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1, Rand: rand.Reader})
	if err != nil {
		return Enrolment{}, fmt.Errorf("make one-time code secret: %w", err)
	}
	sealed, err := s.o.Keys.Seal("totp", key.Secret(), totpAAD(personID))
	if err != nil {
		return Enrolment{}, fmt.Errorf("seal one-time code secret: %w", err)
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		old, err := totpOf(ctx, tx, personID)
		if err == nil && old.ConfirmedAt != nil {
			return errs.Conflict("已经启用动态口令，请先停用再重新绑定")
		}
		if err != nil && !db.NoRows(err) {
			return fmt.Errorf("read second factor: %w", err)
		}
		return saveTOTP(ctx, tx, &totpRow{PersonID: personID, Secret: sealed, CreatedAt: clock.At(tx.Now())})
	})
	return Enrolment{Secret: key.Secret(), URL: key.URL()}, err
}

// stepOf finds the time step whose code was entered; 0 for none.
func stepOf(secret, code string, now time.Time) int64 {
	if len(code) != 6 || strings.Trim(code, "0123456789") != "" {
		return 0
	}
	at := now.Unix() / period
	for _, step := range []int64{at, at - skew, at + skew} {
		want, err := hotp.GenerateCodeCustom(secret, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}) //nolint:gosec // times after 1970
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return step
		}
	}
	return 0
}

// checkTOTP takes a code of the app or a recovery code, each once.
func (s *Service) checkTOTP(ctx context.Context, personID, code string) (bool, error) {
	row, err := totpOf(ctx, s.db.Read(), personID)
	if db.NoRows(err) || err == nil && row.ConfirmedAt == nil {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read second factor: %w", err)
	}
	code = strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(clip(code, 32)))
	ok := false
	if len(code) == recoveryLength {
		err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
			if ok, err = useRecovery(ctx, tx, personID, digest(personID+":"+code)); err != nil || !ok {
				return err
			}
			return audit.Record(ctx, tx, audit.Entry{Act: "signin.recovery", Object: "account", ObjectID: personID, Summary: "用恢复码代替动态口令登录"})
		})
		return ok, err
	}
	secret, err := s.o.Keys.Open("totp", row.Secret, totpAAD(personID))
	if err != nil {
		return false, fmt.Errorf("open one-time code secret: %w", err)
	}
	step := stepOf(secret, code, s.db.Now())
	if step == 0 {
		return false, nil
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		ok, err = advanceStep(ctx, tx, personID, step)
		return err
	})
	return ok, err
}

// FinishTOTP opens a session after the code was right.
func (s *Service) FinishTOTP(ctx context.Context, ticket, code, agent, old string) (access.Opened, error) {
	c, err := s.peek(ctx, kindTOTP, ticket)
	if err != nil {
		return access.Opened{}, err
	}
	ok, err := s.checkTOTP(ctx, c.PersonID, code)
	if err != nil {
		return access.Opened{}, err
	}
	if !ok {
		if err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return countTry(ctx, tx, c.Digest) }); err != nil {
			return access.Opened{}, err
		}
		if err := s.acc.Failed(ctx, c.PersonID); !errs.Is(err, errs.Unauthenticated) {
			return access.Opened{}, err
		}
		return access.Opened{}, errs.Invalidf("code", "动态口令不正确或已经用过，请等下一个口令再试")
	}
	if _, err := s.spend(ctx, kindTOTP, ticket); err != nil {
		return access.Opened{}, err
	}
	return s.acc.OpenFor(ctx, c.PersonID, access.MethodTOTP, agent, old)
}

// EnrolStart begins the set-up that the policy asks for before the first
// session.
func (s *Service) EnrolStart(ctx context.Context, ticket string) (Enrolment, error) {
	c, err := s.peek(ctx, kindEnrol, ticket)
	if err != nil {
		return Enrolment{}, err
	}
	return s.startTOTP(ctx, c.PersonID)
}

// EnrolFinish opens the session and gives the recovery codes, shown once.
func (s *Service) EnrolFinish(ctx context.Context, ticket, code, agent, old string) (access.Opened, []string, error) {
	c, err := s.peek(ctx, kindEnrol, ticket)
	if err != nil {
		return access.Opened{}, nil, err
	}
	codes, err := s.confirmTOTP(ctx, c.PersonID, code)
	if err != nil {
		if e := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return countTry(ctx, tx, c.Digest) }); e != nil {
			return access.Opened{}, nil, e
		}
		return access.Opened{}, nil, err
	}
	if _, err := s.spend(ctx, kindEnrol, ticket); err != nil {
		return access.Opened{}, nil, err
	}
	o, err := s.acc.OpenFor(ctx, c.PersonID, access.MethodTOTP, agent, old)
	return o, codes, err
}

// confirmTOTP makes a pending secret hold.
func (s *Service) confirmTOTP(ctx context.Context, personID, code string) ([]string, error) {
	row, err := totpOf(ctx, s.db.Read(), personID)
	if db.NoRows(err) || err == nil && row.ConfirmedAt != nil {
		return nil, errs.Conflict("请先生成绑定二维码")
	}
	if err != nil {
		return nil, fmt.Errorf("read second factor: %w", err)
	}
	secret, err := s.o.Keys.Open("totp", row.Secret, totpAAD(personID))
	if err != nil {
		return nil, fmt.Errorf("open one-time code secret: %w", err)
	}
	step := stepOf(secret, strings.ReplaceAll(code, " ", ""), s.db.Now())
	if step == 0 {
		return nil, errs.Invalidf("code", "动态口令不正确，请确认手机时间准确后再试")
	}
	codes := recoveryCodes()
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		row.ConfirmedAt, row.LastStep = clock.Ptr(tx.Now()), step
		if err := saveTOTP(ctx, tx, &row); err != nil {
			return err
		}
		if err := replaceRecovery(ctx, tx, personID, codes); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "signin.totp", Object: "account", ObjectID: personID, Summary: "启用动态口令"})
	})
	return codes, err
}

const recoveryLength = 16

func recoveryCodes() []string {
	out := make([]string, recoveries)
	for i := range out {
		b := make([]byte, 10)
		_, _ = rand.Read(b) // never fails since Go 1.24
		c := base32.StdEncoding.EncodeToString(b)
		out[i] = c[:4] + "-" + c[4:8] + "-" + c[8:12] + "-" + c[12:]
	}
	return out
}

// StartOwnTOTP begins to set up the app of the signed-in person, who shows
// the password again.
func (s *Service) StartOwnTOTP(ctx context.Context, password string) (Enrolment, error) {
	who, err := s.again(ctx, password)
	if err != nil {
		return Enrolment{}, err
	}
	return s.startTOTP(ctx, who.ID)
}

// ConfirmOwnTOTP makes the signed-in person's app hold.
func (s *Service) ConfirmOwnTOTP(ctx context.Context, code string) ([]string, error) {
	who, err := access.From(ctx)
	if err != nil {
		return nil, err
	}
	return s.confirmTOTP(ctx, who.ID, code)
}

// DropOwnTOTP ends the signed-in person's one-time codes.
func (s *Service) DropOwnTOTP(ctx context.Context, password string) error {
	who, err := s.again(ctx, password)
	if err != nil {
		return err
	}
	return s.dropTOTP(ctx, who.ID, "停用动态口令", "")
}

// ResetTOTP ends a person's one-time codes when the phone is lost.
func (s *Service) ResetTOTP(ctx context.Context, personID, reason string) error {
	if err := s.manages(ctx, personID); err != nil {
		return err
	}
	if reason == "" {
		return errs.Invalidf("reason", "请写明原因，会记入审计")
	}
	return s.dropTOTP(ctx, personID, "重置动态口令", reason)
}

func (s *Service) dropTOTP(ctx context.Context, personID, summary, reason string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := deleteTOTP(ctx, tx, personID); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "signin.totpOff", Object: "account", ObjectID: personID, Summary: summary, Reason: reason})
	})
}

// again asks the signed-in person for the password once more.
func (s *Service) again(ctx context.Context, password string) (access.Actor, error) {
	who, err := access.From(ctx)
	if err != nil {
		return who, err
	}
	id, err := s.acc.Verify(ctx, who.Account, password)
	if errs.Is(err, errs.Unauthenticated) {
		return who, errs.Invalidf("password", "密码不正确")
	}
	if err == nil && id != who.ID {
		err = errs.Invalidf("password", "密码不正确")
	}
	return who, err
}
