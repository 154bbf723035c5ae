package edgev1

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// FieldError names the field of a message that is wrong and says, for people,
// why.
type FieldError struct {
	Field   string
	Message string
}

// Error implements error.
func (e *FieldError) Error() string { return e.Field + "：" + e.Message }

// check keeps the first fault of a message.
type check struct{ err *FieldError }

func (c *check) ok(ok bool, field, format string, args ...any) {
	if !ok && c.err == nil {
		c.err = &FieldError{Field: field, Message: fmt.Sprintf(format, args...)}
	}
}

// result turns the fault into an error; a nil pointer must not become a
// non-nil interface.
func (c *check) result() error {
	if c.err == nil {
		return nil
	}
	return c.err
}

func (c *check) version(v int) {
	c.ok(v >= ProtocolVersion-1 && v >= 1 && v <= ProtocolVersion, "v", "协议版本是 %d，本程序支持 %d 到 %d，请升级较旧的一端", v, max(1, ProtocolVersion-1), ProtocolVersion)
}

// name is an id or a key: short, printable, and without what has a meaning in
// MQTT topics or paths.
func (c *check) name(field, s string) {
	bad := s == "" || len(s) > 64 || strings.ContainsAny(s, "/+#\\ ")
	for _, r := range s {
		bad = bad || r < 0x21 || r == 0x7f || r == utf8.RuneError
	}
	c.ok(!bad, field, "编号应为 1 到 64 个字符，不含空格和 / + # \\")
}

func (c *check) ulid(field, s string) {
	ok := len(s) == 26 && s[0] <= '7'
	for i := 0; ok && i < len(s); i++ {
		ok = strings.IndexByte("0123456789ABCDEFGHJKMNPQRSTVWXYZ", s[i]) >= 0
	}
	c.ok(ok, field, "应为 26 位 ULID")
}

// text bounds a free text. Databases refuse NUL.
func (c *check) text(field, s string) {
	c.ok(len(s) <= MaxText, field, "文字最多 %d 字节，现在是 %d", MaxText, len(s))
	c.ok(!strings.ContainsRune(s, 0), field, "文字里不能有空字符")
}

func (c *check) time(field string, t Time) {
	c.ok(t.Year() >= 2020 && t.Year() < 2100, field, "时间 %s 不可信，请检查设备时钟", t.Format(time.RFC3339))
}

func (c *check) unit(field string, v float64) {
	c.ok(unit(v), field, "应在 0 到 1 之间，现在是 %g", v)
}

func (c *check) atLeast(field string, v float64) {
	c.ok(v >= 0 && v < 1e9, field, "应为不小于 0 的数，现在是 %g", v)
}

func (c *check) count(field string, v int64) {
	c.ok(v >= 0 && v < 1<<53, field, "应为不小于 0 的整数，现在是 %d", v)
}

func (c *check) age(field string, v int64) {
	c.ok(v >= -1 && v < 1<<53, field, "应为毫秒数，-1 表示从未，现在是 %d", v)
}

func (c *check) digest(field, s string) {
	ok := len(s) == 64
	for i := 0; ok && i < len(s); i++ {
		ok = strings.IndexByte("0123456789abcdef", s[i]) >= 0
	}
	c.ok(ok, field, "应为 64 位小写十六进制的 SM3 摘要")
}

// box allows a rounding error over the edge of the frame.
func (c *check) box(field string, b Box) {
	const slack = 1e-3
	ok := b.X >= -slack && b.Y >= -slack && b.W >= 0 && b.H >= 0 && b.X+b.W <= 1+slack && b.Y+b.H <= 1+slack
	c.ok(ok, field, "方框 (%.3g, %.3g, %.3g, %.3g) 超出画面", b.X, b.Y, b.W, b.H)
}

// decode reads one JSON value of bounded size and nothing after it.
func decode(payload []byte, v any) error {
	if len(payload) > MaxPayload {
		return &FieldError{Field: "payload", Message: fmt.Sprintf("消息有 %d 字节，上限是 %d", len(payload), MaxPayload)}
	}
	if !utf8.Valid(payload) {
		return &FieldError{Field: "payload", Message: "不是 UTF-8 编码"}
	}
	if err := json.Unmarshal(payload, v); err != nil {
		return &FieldError{Field: jsonField(err), Message: "不是正确的 JSON：" + err.Error()}
	}
	return nil
}

func jsonField(err error) string {
	if t, ok := err.(*json.UnmarshalTypeError); ok && t.Field != "" { //nolint:errorlint // json returns it bare
		return strings.TrimPrefix(t.Field, "Batch.") // the embedded type
	}
	return "payload"
}

// Decode reads and validates any message but a batch.
func Decode[T any, P interface {
	*T
	Validate() error
}](payload []byte) (T, error) {
	var v T
	if err := decode(payload, &v); err != nil {
		return v, err
	}
	return v, P(&v).Validate()
}

// Validate says what is wrong with the batch and the first wrong envelope.
func (b *Batch) Validate() error {
	var c check
	c.version(b.V)
	c.name("edge", b.Edge)
	c.ulid("epoch", b.Epoch)
	c.ok(len(b.Items) > 0, "items", "批次是空的")
	c.ok(len(b.Items) <= MaxBatch, "items", "一批最多 %d 条，现在是 %d 条", MaxBatch, len(b.Items))
	for i := range b.Items {
		if e := b.Items[i].check(); e != nil {
			c.ok(false, fmt.Sprintf("items[%d].%s", i, e.Field), "%s", e.Message)
		}
	}
	return c.result()
}

// Validate says what is wrong with one envelope.
func (e *Envelope) Validate() error {
	if err := e.check(); err != nil {
		return err
	}
	return nil
}

func (e *Envelope) check() *FieldError {
	var c check
	c.ok(e.Seq >= 1 && e.Seq < 1<<53, "seq", "应为从 1 开始的整数，现在是 %d", e.Seq)
	c.ulid("id", e.ID)
	c.time("madeAt", e.MadeAt)
	set := 0
	for _, has := range []bool{e.Event != nil, e.Observation != nil, e.Gap != nil} {
		if has {
			set++
		}
	}
	c.ok(set == 1, "event", "event、observation 与 gap 应恰有一个")
	if e.Event != nil {
		e.Event.into(&c, "event.")
	}
	if e.Observation != nil {
		e.Observation.into(&c, "observation.")
	}
	if g := e.Gap; g != nil {
		c.ok(g.From >= 1 && g.To >= g.From && g.To < 1<<53, "gap.from", "缺口范围 %d 到 %d 不对", g.From, g.To)
		c.text("gap.reason", g.Reason)
	}
	return c.err
}

// Validate says what is wrong with the event.
func (e *Event) Validate() error {
	var c check
	e.into(&c, "")
	return c.result()
}

func (e *Event) into(c *check, f string) {
	c.ulid(f+"id", e.ID)
	c.ok(e.Rev >= 1 && e.Rev < 1<<31, f+"rev", "应从 1 开始，现在是 %d", e.Rev)
	c.name(f+"camera", e.Camera)
	c.ok(slices.Contains([]Kind{Stacking, Frontage, Sign, Picture}, e.Kind), f+"kind", "未知的类型 %.40q", e.Kind)
	c.ok(slices.Contains([]Phase{Opened, Updated, Ended}, e.Phase), f+"phase", "未知的阶段 %.40q", e.Phase)
	if e.Kind != Picture || e.Zone != "" {
		c.name(f+"zone", e.Zone)
	}
	c.text(f+"zoneName", e.ZoneName)
	c.text(f+"zoneHours", e.ZoneHours)
	c.text(f+"detail", e.Detail)
	c.time(f+"since", e.Since)
	c.time(f+"confirmedAt", e.ConfirmedAt)
	c.ok(e.Phase != Ended || e.EndedAt != nil, f+"endedAt", "结束的事件应有结束时间")
	if e.EndedAt != nil {
		c.time(f+"endedAt", *e.EndedAt)
	}
	c.unit(f+"score", e.Score)
	c.unit(f+"area", e.Area)
	c.box(f+"box", e.Box)
	c.ok(len(e.ZonePolygon) <= MaxVertices, f+"zonePolygon", "顶点最多 %d 个", MaxVertices)
	c.ok(len(e.Scores) <= 512, f+"scores", "最多 512 个")
	e.lists(c, f)
	if e.Kind == Sign {
		c.ok(e.Sign != nil, f+"sign", "店招事件应带识读结果")
	}
	if e.Sign != nil {
		e.Sign.into(c, f+"sign.")
	}
}

func (e *Event) lists(c *check, f string) {
	c.ok(len(e.Marks) <= MaxMarks, f+"marks", "最多 %d 个框，现在是 %d", MaxMarks, len(e.Marks))
	for i, m := range e.Marks {
		mf := fmt.Sprintf("%smarks[%d].", f, i)
		c.ok(m.Role == "subject" || m.Role == "excluded", mf+"role", "应为 subject 或 excluded")
		c.text(mf+"label", m.Label)
		c.unit(mf+"score", m.Score)
		c.box(mf+"box", m.Box)
	}
	c.models(f, e.Models)
	c.evidence(f, e.Evidence)
}

func (c *check) models(f string, list []ModelRef) {
	c.ok(len(list) <= 16, f+"models", "最多 16 个")
	for i, m := range list {
		mf := fmt.Sprintf("%smodels[%d].", f, i)
		c.text(mf+"name", m.Name)
		c.text(mf+"version", m.Version)
		c.digest(mf+"digest", m.Digest)
	}
}

func (c *check) evidence(f string, list []EvidenceRef) {
	c.ok(len(list) <= MaxEvidence, f+"evidence", "最多 %d 个，现在是 %d", MaxEvidence, len(list))
	for i := range list {
		list[i].into(c, fmt.Sprintf("%sevidence[%d].", f, i))
	}
}

func (r *EvidenceRef) into(c *check, f string) {
	c.ok(slices.Contains([]string{"frame", "reference", "first", "crop", "clip"}, r.Role), f+"role", "未知的用途 %.40q", r.Role)
	c.digest(f+"sm3", r.SM3)
	c.ok(r.Size > 0 && r.Size <= MaxEvidenceKB<<10, f+"size", "应为 1 到 %d 字节，现在是 %d", MaxEvidenceKB<<10, r.Size)
	c.ok(slices.Contains([]string{"image/jpeg", "image/png", "image/webp", "video/mp4"}, r.MediaType), f+"mediaType", "不支持的类型 %.40q", r.MediaType)
	c.ok(r.Width >= 0 && r.Width <= 1<<15 && r.Height >= 0 && r.Height <= 1<<15, f+"width", "尺寸 %dx%d 不对", r.Width, r.Height)
	c.time(f+"takenAt", r.TakenAt)
}

func (s *SignReading) into(c *check, f string) {
	c.ok(slices.Contains([]SignVerdict{SignSame, SignChanged, SignCovered, SignGone, SignUnreadable, SignRead}, s.Verdict), f+"verdict", "未知的结论 %.40q", s.Verdict)
	c.text(f+"registered", s.Registered)
	c.text(f+"text", s.Text)
	c.unit(f+"confidence", s.Confidence)
	c.unit(f+"nameDistance", s.NameDistance)
	c.ok(s.Similarity >= -1.001 && s.Similarity <= 1.001, f+"similarity", "应在 -1 到 1 之间，现在是 %g", s.Similarity)
	c.ok(len(s.Lines) <= 128, f+"lines", "最多 128 行")
	for i, l := range s.Lines {
		c.text(fmt.Sprintf("%slines[%d]", f, i), l)
	}
}
