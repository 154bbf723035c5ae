package notify

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"
)

// mailGateway sends mail over SMTP, with TLS and a password when the server
// offers them.
type mailGateway struct{ now func() time.Time }

const mailTimeout = 15 * time.Second

// Send implements Gateway. The Message-ID is made of the idempotency key, so
// that a mail that was sent twice is one to the reader's program.
func (g mailGateway) Send(ctx context.Context, c Config, m Message) (string, error) {
	from, err := mail.ParseAddress(c.Sender)
	if err != nil {
		return "", &Refused{Reason: "发件人不是邮件地址：" + c.Sender}
	}
	to, err := mail.ParseAddress(m.To)
	if err != nil {
		return "", &Refused{Reason: "收件人不是邮件地址"}
	}
	id := m.ID + "@jiexun"
	if err := g.deliver(ctx, c, from.Address, to.Address, letter(from, to, id, m, g.now())); err != nil {
		var p *textproto.Error
		if errors.As(err, &p) && p.Code >= 500 {
			return "", &Refused{Reason: fmt.Sprintf("%d %s", p.Code, p.Msg)}
		}
		return "", fmt.Errorf("send mail: %w", err)
	}
	return id, nil
}

func (g mailGateway) deliver(ctx context.Context, c Config, from, to string, text []byte) (err error) {
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		return &Refused{Reason: "邮件服务器地址应为 主机:端口"}
	}
	d := net.Dialer{Timeout: mailTimeout}
	conn, err := d.DialContext(ctx, "tcp", c.Address)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(mailTimeout)); err != nil {
		return errors.Join(err, conn.Close())
	}
	s, err := smtp.NewClient(conn, host)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if ok, _ := s.Extension("STARTTLS"); ok {
		if err := s.StartTLS(tlsFor(host)); err != nil {
			return err
		}
	}
	if ok, _ := s.Extension("AUTH"); ok && c.AppID != "" {
		if err := s.Auth(smtp.PlainAuth("", c.AppID, c.Secret, host)); err != nil {
			return err
		}
	}
	if err := s.Mail(from); err != nil {
		return err
	}
	if err := s.Rcpt(to); err != nil {
		return err
	}
	w, err := s.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_ = s.Quit() // the mail is taken; a lost farewell is no failure
	return nil
}

// letter writes a mail; header values are encoded, so that no text of a
// to-do can add a header.
func letter(from, to *mail.Address, id string, m Message, now time.Time) []byte {
	body := strings.ReplaceAll(m.Body, linkVar, m.URL)
	var b strings.Builder
	for _, h := range [][2]string{
		{"From", from.String()}, {"To", to.String()}, {"Subject", mime.BEncoding.Encode("utf-8", m.Title)}, {"Message-ID", "<" + id + ">"},
		{"Date", now.UTC().Format(time.RFC1123Z)}, {"MIME-Version", "1.0"}, {"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "base64"},
	} {
		b.WriteString(h[0] + ": " + strings.NewReplacer("\r", "", "\n", "").Replace(h[1]) + "\r\n")
	}
	b.WriteString("\r\n")
	text := base64.StdEncoding.EncodeToString([]byte(body))
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	b.WriteString(text + "\r\n")
	return []byte(b.String())
}

func tlsFor(host string) *tls.Config {
	return &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
}
