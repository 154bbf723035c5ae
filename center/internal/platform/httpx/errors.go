package httpx

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/errs"
)

// Problem is the body of every answer that is not a success.
type Problem struct {
	Code    errs.Code    `json:"code" doc:"What kind of failure it is" enum:"invalid,unauthenticated,forbidden,notFound,conflict,tooMany,tooLarge,unavailable,noSpace,internal"`
	Message string       `json:"message" doc:"A sentence for people"`
	Fields  []errs.Field `json:"fields,omitempty" doc:"The inputs that are wrong"`
	ID      string       `json:"id" doc:"Joins this answer and the log"`

	status int
}

// Error implements error.
func (p *Problem) Error() string { return string(p.Code) + ": " + p.Message }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.status }

// status is the only map from codes to HTTP.
func status(c errs.Code) int {
	switch c {
	case errs.Invalid:
		return http.StatusUnprocessableEntity
	case errs.Unauthenticated:
		return http.StatusUnauthorized
	case errs.ForbiddenCode:
		return http.StatusForbidden
	case errs.NotFoundCode:
		return http.StatusNotFound
	case errs.ConflictCode:
		return http.StatusConflict
	case errs.TooMany:
		return http.StatusTooManyRequests
	case errs.TooLarge:
		return http.StatusRequestEntityTooLarge
	case errs.Unavailable:
		return http.StatusServiceUnavailable
	case errs.NoSpace:
		return http.StatusInsufficientStorage
	}
	return http.StatusInternalServerError
}

const internalMessage = "系统出了问题，请稍后再试；如果一直这样，请把编号告诉运维人员"

// problemOf makes the public answer from any error and logs what is hidden.
func problemOf(ctx context.Context, log *slog.Logger, err error) *Problem {
	id := caller.From(ctx).RequestID
	var p *Problem
	if errors.As(err, &p) {
		p.ID = id
		return p
	}
	var e *errs.Error
	if !errors.As(err, &e) {
		if ctx.Err() != nil {
			e = errs.Wrap(errs.Unavailable, "请求已取消或超时", err)
		} else {
			e = errs.Wrap(errs.Internal, internalMessage, err)
		}
	}
	if e.Code == errs.Internal {
		log.ErrorContext(ctx, "request failed", "id", id, "err", err)
	} else if e.Err != nil {
		log.InfoContext(ctx, "request refused", "id", id, "code", e.Code, "err", err)
	}
	return &Problem{Code: e.Code, Message: e.Message, Fields: e.Fields, ID: id, status: status(e.Code)}
}

// fiberErrors answers errors that come from fiber itself or from raw routes.
func fiberErrors(log *slog.Logger) fiber.ErrorHandler {
	return func(c *fiber.Ctx, err error) error {
		var fe *fiber.Error
		if errors.As(err, &fe) {
			err = fromStatus(fe.Code, "", nil)
		}
		p := problemOf(c.UserContext(), log, err)
		Decide(c.UserContext())
		return c.Status(p.status).JSON(p)
	}
}

// fromStatus turns a status that a library chose into our error.
func fromStatus(code int, msg string, fields []errs.Field) *errs.Error {
	e := &errs.Error{Fields: fields}
	switch {
	case code == http.StatusNotFound:
		e.Code, e.Message = errs.NotFoundCode, "没有这个地址"
	case code == http.StatusMethodNotAllowed:
		e.Code, e.Message = errs.NotFoundCode, "这个地址不支持该操作"
	case code == http.StatusRequestEntityTooLarge:
		e.Code, e.Message = errs.TooLarge, "提交的内容太大"
	case code == http.StatusRequestTimeout:
		e.Code, e.Message = errs.Unavailable, "请求超时"
	case code == http.StatusTooManyRequests:
		e.Code, e.Message = errs.TooMany, "操作太频繁，请稍后再试"
	case code == http.StatusUnauthorized:
		e.Code, e.Message = errs.Unauthenticated, "请先登录"
	case code == http.StatusForbidden:
		e.Code, e.Message = errs.ForbiddenCode, "没有权限"
	case code == http.StatusUnsupportedMediaType:
		e.Code, e.Message = errs.Invalid, "不支持的内容类型，请使用 application/json"
	case code >= 400 && code < 500:
		e.Code, e.Message = errs.Invalid, "提交的内容有误"
		if len(fields) > 0 {
			e.Message = fields[0].Message
			if fields[0].Name != "" {
				e.Message = fields[0].Name + "：" + fields[0].Message
			}
		}
	default:
		e.Code, e.Message = errs.Internal, internalMessage
	}
	if msg != "" && e.Code == errs.Internal {
		e.Err = errors.New(msg)
	}
	return e
}

// humaError replaces huma's own error body: one shape for all answers, and
// never the submitted value, which may be personal data.
func humaError(code int, msg string, list ...error) huma.StatusError {
	fields := []errs.Field{}
	for _, err := range list {
		if err == nil {
			continue
		}
		if d, ok := err.(huma.ErrorDetailer); ok {
			det := d.ErrorDetail()
			fields = append(fields, errs.Field{Name: fieldName(det.Location), Message: chinese(det.Message)})
			continue
		}
		var p *Problem
		if errors.As(err, &p) {
			return p
		}
		if code >= 500 {
			msg += ": " + err.Error()
		} else {
			fields = append(fields, errs.Field{Message: chinese(err.Error())})
		}
	}
	e := fromStatus(code, msg, fields)
	return &Problem{Code: e.Code, Message: e.Message, Fields: e.Fields, status: status(e.Code)}
}

// fieldName cuts the place ("body.", "query.") off a location.
func fieldName(loc string) string {
	for _, p := range []string{"body.", "query.", "path.", "header."} {
		if s, ok := strings.CutPrefix(loc, p); ok {
			return s
		}
	}
	if loc == "body" {
		return ""
	}
	return loc
}

// chinese translates the messages that huma has no variable for.
func chinese(m string) string {
	switch {
	case strings.HasPrefix(m, "required ") && strings.HasSuffix(m, " parameter is missing"):
		return "缺少必填参数"
	case m == "request body is required":
		return "缺少请求内容"
	case strings.Contains(m, "invalid integer"), strings.Contains(m, "invalid float"):
		return "应为数字"
	case strings.Contains(m, "invalid boolean"):
		return "应为 true 或 false"
	case strings.Contains(m, "invalid character"), strings.Contains(m, "unexpected end of JSON"), strings.Contains(m, "cannot unmarshal"):
		return "不是正确的 JSON"
	case m == "unknown query parameter":
		return "没有这个参数"
	}
	return m
}
