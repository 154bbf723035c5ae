package shops

import "strings"

// The characters of a unified social credit code by GB 32100-2015, in the
// order of their values: no I, O, S, V and Z.
const (
	creditAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	orgAlphabet    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// CreditCodeFault says what is wrong with a unified social credit code, ""
// when it is right: 18 characters, their alphabet, the check digit of the
// organisation code in places 9 to 17 and the check digit of the whole.
func CreditCodeFault(code string) string {
	if len(code) != 18 {
		return "统一社会信用代码应为 18 位"
	}
	sum, weight := 0, 1
	for i := range 17 {
		v := strings.IndexByte(creditAlphabet, code[i])
		if v < 0 {
			return "统一社会信用代码只能有数字和大写字母（不含 I、O、S、V、Z）"
		}
		sum += v * weight
		weight = weight * 3 % 31
	}
	if want := creditAlphabet[(31-sum%31)%31]; code[17] != want {
		return "统一社会信用代码的校验位不对，请核对"
	}
	// The organisation code within has a check digit of its own (GB 11714).
	sum = 0
	for i, w := range []int{3, 7, 9, 10, 5, 8, 4, 2} {
		sum += strings.IndexByte(orgAlphabet, code[8+i]) * w
	}
	want := byte('0')
	switch c := 11 - sum%11; c {
	case 10:
		want = 'X'
	case 11:
	default:
		want = byte('0' + c)
	}
	if code[16] != want {
		return "统一社会信用代码中的主体标识码（第 9 至 17 位）校验不对，请核对"
	}
	return ""
}
