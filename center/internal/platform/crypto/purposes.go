package crypto

// Use is one place of the product that uses keys: a purpose, what it guards,
// and where in the code. The report of the assessment lists them.
type Use struct {
	Purpose string `json:"purpose"`
	Kinds   []Kind `json:"kinds"`
	Module  int    `json:"module"` // 1 to 7 as in the tender's table
	What    string `json:"what"`
	Where   string `json:"where"`
	// Places are the columns that hold sealed texts of the purpose.
	Places []string `json:"places"`
}

// general is the purpose whose keys serve purposes that have none of their
// own. The purpose takes part in every text and code, so that what one made
// never passes for another's.
const general = "general"

// Uses lists the call points. A purpose that is listed has keys of its own,
// which can be rotated alone. The authority comes first: it certifies the rest.
func Uses() []Use {
	return []Use{
		{"ca", []Kind{KindSign}, 7, "签名证书的签发", "platform/crypto", nil},
		{general, []Kind{KindSeal, KindBlind, KindMAC, KindSign}, 6, "未单列用途的数据", "platform/crypto", nil},
		{"totp", []Kind{KindSeal}, 1, "动态口令种子", "access/signin", nil},
		{"signin.provider", []Kind{KindSeal}, 1, "单点登录提供方的密钥", "access/signin", nil},
		{"audit", []Kind{KindMAC}, 3, "审计链逐条校验码", "audit", nil},
		{"archive", []Kind{KindSign}, 3, "审计归档清单签名", "audit", nil},
		{"grant", []Kind{KindMAC}, 5, "授权、角色与权限行", "access", nil},
		{"person.phone", []Kind{KindSeal, KindBlind}, 6, "人员手机号", "access", nil},
		{"person.idno", []Kind{KindSeal, KindBlind}, 6, "人员证件号", "access", nil},
		{"camera.password", []Kind{KindSeal}, 6, "摄像机取流口令", "directory", nil},
		{"app.key", []Kind{KindSeal}, 6, "接入应用密钥", "integration", nil},
		{"channel.secret", []Kind{KindSeal}, 6, "消息通道密钥", "notify", nil},
		{"evidence", []Kind{KindSign}, 7, "证据文件签名", "app", nil},
		{"document", []Kind{KindSign}, 7, "文书签名", "app", nil},
	}
}

// Uses lists the call points with the columns that were registered for them.
// A purpose that is not listed but has columns comes last.
func (k *Keys) Uses() []Use {
	list := Uses()
	at := map[string]int{}
	for i := range list {
		list[i].Places = []string{}
		at[list[i].Purpose] = i
	}
	for _, h := range k.hooks() {
		i, ok := at[h.Purpose]
		if !ok {
			i = len(list)
			at[h.Purpose] = i
			list = append(list, Use{h.Purpose, []Kind{KindSeal}, 6, h.Purpose, h.Place, nil})
		}
		list[i].Places = append(list[i].Places, h.Place)
	}
	return list
}

// own maps (kind, purpose) to the purpose whose key is used.
func own() map[slot]string {
	m := map[slot]string{}
	for _, u := range Uses() {
		for _, k := range u.Kinds {
			m[slot{k, u.Purpose}] = u.Purpose
		}
	}
	return m
}

type slot struct {
	kind    Kind
	purpose string
}
