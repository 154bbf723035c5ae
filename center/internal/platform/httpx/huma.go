package httpx

import (
	"reflect"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// humaOnce guards huma's package variables: the library offers its error body,
// its messages and the nullability of arrays in no other way.
var humaOnce sync.Once

func setUpHuma() {
	humaOnce.Do(func() {
		huma.NewError = humaError
		huma.DefaultArrayNullable = false
		chineseMessages()
	})
}

func chineseMessages() {
	validation.MsgUnexpectedProperty = "没有这个字段"
	validation.MsgExpectedRFC3339DateTime = "应为 2026-11-24T06:30:56.000Z 样式的时间"
	validation.MsgExpectedRFC3339Date = "应为 2026-11-24 样式的日期"
	validation.MsgExpectedBoolean = "应为 true 或 false"
	validation.MsgExpectedNumber = "应为数字"
	validation.MsgExpectedInteger = "应为整数"
	validation.MsgExpectedString = "应为文字"
	validation.MsgExpectedArray = "应为列表"
	validation.MsgExpectedObject = "应为对象"
	validation.MsgExpectedArrayItemsUnique = "列表中有重复的项"
	validation.MsgExpectedOneOf = "应为其中之一：%s"
	validation.MsgExpectedMinimumNumber = "不得小于 %v"
	validation.MsgExpectedExclusiveMinimumNumber = "应大于 %v"
	validation.MsgExpectedMaximumNumber = "不得大于 %v"
	validation.MsgExpectedExclusiveMaximumNumber = "应小于 %v"
	validation.MsgExpectedMinLength = "长度不得少于 %d 个字符"
	validation.MsgExpectedMaxLength = "长度不得多于 %d 个字符"
	validation.MsgExpectedBePattern = "格式应为 %s"
	validation.MsgExpectedMatchPattern = "格式应符合 %s"
	validation.MsgExpectedMinItems = "至少要有 %d 项"
	validation.MsgExpectedMaxItems = "最多 %d 项"
	validation.MsgExpectedRequiredProperty = "缺少必填项 %s"
}

// bare are the packages whose types are named without their package in the
// interface description.
func bare(pkg string) bool {
	switch pkg {
	case "access", "alerts", "audit", "directory", "fleet", "hub", "live", "onemap", "orders", "shops", "app", "httpx", "clock", "region", "errs":
		return true
	}
	return false
}

// schemaName names a type in the interface description. Types of most packages
// get the package's name in front, so that no two of them meet.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	path := t.PkgPath()
	if strings.HasSuffix(path, "/api/edgev1") {
		return "Edge" + name
	}
	pkg := path[strings.LastIndexByte(path, '/')+1:]
	if !strings.Contains(path, "/center/internal/") || t.Name() == "" || bare(pkg) {
		return name
	}
	prefix := strings.ToUpper(pkg[:1]) + pkg[1:]
	if strings.HasPrefix(name, prefix) {
		return name
	}
	return prefix + name
}
