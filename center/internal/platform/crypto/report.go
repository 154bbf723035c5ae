package crypto

import (
	"sort"

	"jiexun/center/internal/platform/clock"
)

// KeyInfo is what may be told of a key: never its value.
type KeyInfo struct {
	ID        string       `json:"id"`
	Purpose   string       `json:"purpose"`
	Kind      Kind         `json:"kind"`
	Version   int64        `json:"version"`
	State     string       `json:"state"`
	Master    string       `json:"master"`
	Check     string       `json:"check"`
	CreatedAt clock.Stamp  `json:"createdAt"`
	RetiredAt *clock.Stamp `json:"retiredAt,omitempty"`
}

func info(r keyRow) KeyInfo {
	return KeyInfo{
		ID: r.ID, Purpose: r.Purpose, Kind: r.Kind, Version: r.Version, State: r.State, Master: r.Master,
		Check: r.CheckValue, CreatedAt: r.CreatedAt, RetiredAt: r.RetiredAt,
	}
}

// List gives all keys, by purpose, kind and version.
func (k *Keys) List() []KeyInfo {
	k.mu.RLock()
	defer k.mu.RUnlock()
	out := make([]KeyInfo, 0, len(k.byID))
	for _, x := range k.byID {
		out = append(out, info(x.keyRow))
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.Purpose != b.Purpose {
			return a.Purpose < b.Purpose
		}
		if a.Kind != b.Kind {
			return a.Kind < b.Kind
		}
		return a.Version < b.Version
	})
	return out
}

// Algorithm is one algorithm in use.
type Algorithm struct {
	Name     string `json:"name"`
	Standard string `json:"standard"`
	Use      string `json:"use"`
	Library  string `json:"library"`
}

// Algorithms lists what is in use and where it comes from.
func Algorithms() []Algorithm {
	const hot, ref = "emmansun/gmsm v0.15.5", "tjfoc/gmsm v1.4.1"
	return []Algorithm{
		{"SM2", "GB/T 32918", "签名与验签（用户标识 1234567812345678）、证书", hot},
		{"SM3", "GB/T 32905", "摘要：证据、文件、清单、会话与票据", hot},
		{"HMAC-SM3", "GB/T 15852.2", "审计链、授权行、接口签名、盲索引", hot},
		{"SM4-GCM", "GB/T 32907、GB/T 36624", "列加密、主密钥对数据密钥的包裹、密钥备份", hot},
		{"PBKDF2-HMAC-SM3", "GM/T 0091", "密钥备份的口令派生", hot},
		{"TLCP ECC_SM4_CBC_SM3", "GB/T 38636", "国密传输网关", ref},
		{"TLS 1.2/1.3", "RFC 8446", "默认传输", "Go 标准库"},
		{"Argon2id", "RFC 9106", "口令存储", "golang.org/x/crypto"},
	}
}

// Module is one of the seven of the tender's table.
type Module struct {
	No   int    `json:"no"`
	Name string `json:"name"`
	// Needs is what the assessment asks for, Done how it is done here, and
	// Hardware what only a certified product can give.
	Needs    string  `json:"needs"`
	Done     string  `json:"done"`
	Hardware string  `json:"hardware"`
	Tried    []Tried `json:"tried"`
}

// Modules lists the seven modules with the last live checks of each.
func Modules(tried []Tried) []Module {
	list := []Module{
		{No: 1, Name: "用户身份认证机制", Needs: "应用身份鉴别真实性", Done: "SM2 证书挑战应答、口令加动态口令、一次性票据；证书链、有效期、吊销与重放都查", Hardware: "USBKey 或智能密码钥匙（GM/T 0027）及其浏览器控件；正式证书由持牌电子认证机构签发"},
		{No: 2, Name: "重要数据安全传输", Needs: "通信机密性与完整性", Done: "默认 TLS；TLCP 网关（双证书，套件固定为 ECC_SM4_CBC_SM3）", Hardware: "经认证的 SSL VPN 安全网关（GM/T 0025）与站点证书"},
		{No: 3, Name: "服务器日志信息完整性", Needs: "日志完整性", Done: "审计逐条 HMAC-SM3 相连、链尾带校验码、链外锚点、归档清单 SM2 签名、每小时核验", Hardware: "校验密钥存放于服务器密码机（GM/T 0030）"},
		{No: 4, Name: "重要可执行程序签名验签", Needs: "程序防篡改", Done: "发布清单 SM2 签名，启动与每十分钟核对，不符拒绝启动并告警", Hardware: "发布签名密钥存放于密码机或智能密码钥匙"},
		{No: 5, Name: "用户访问控制信息签名验签", Needs: "权限表完整性", Done: "授权、角色与权限行带 HMAC-SM3，直接改库的行不再生效并告警", Hardware: "同第 3 项"},
		{No: 6, Name: "重要数据加解密", Needs: "存储机密性", Done: "SM4-GCM 列加密，密文带密钥号并绑定所在的行，在线轮换；等值查询用 HMAC-SM3 盲索引", Hardware: "数据密钥的产生与使用放入密码机或云密码服务（GM/T 0018 接口，已留端口）"},
		{No: 7, Name: "重要数据签名验签", Needs: "存储完整性与抗抵赖", Done: "文书与证据 SM2 签名（含时间），验签页，OpenSSL 可独立验证", Hardware: "签名验签服务器（GM/T 0029）、时间戳服务器（GM/T 0033）"},
	}
	for i := range list {
		list[i].Tried = []Tried{}
		for _, t := range tried {
			if t.Module == list[i].No {
				list[i].Tried = append(list[i].Tried, t)
			}
		}
	}
	return list
}
