package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"jiexun/center/internal/app"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
)

type cryptoCmd struct {
	Report        cryptoReport   `cmd:"" help:"Write the material of the cryptography assessment."`
	SelfTest      cryptoSelfTest `cmd:"" help:"Run the positive and the tampering check of each module."`
	Rotate        cryptoRotate   `cmd:"" help:"Make a new key for a purpose and encrypt everything again under it."`
	Backup        cryptoBackup   `cmd:"" help:"Write all keys into a file that a passphrase seals."`
	Restore       cryptoRestore  `cmd:"" help:"Bring keys back, under a new master key if the old one is lost."`
	ReleaseKey    releaseKey     `cmd:"" help:"Make a key and certificate for signing releases."`
	SignRelease   signRelease    `cmd:"" help:"Sign the files of a folder."`
	VerifyRelease verifyRelease  `cmd:"" help:"Check the files of a folder against their signed list."`
}

type cryptoReport struct {
	Out string `required:"" help:"File to write, .md or .json." type:"path"`
}

// Run implements kong's command.
func (c *cryptoReport) Run(ctx context.Context, w *Where) error {
	return w.with(ctx, app.Options{}, func(ctx context.Context, a *app.App) error {
		a.SelfTest(ctx)
		r, err := a.CryptoReport(ctx)
		if err != nil {
			return err
		}
		var b []byte
		if strings.HasSuffix(c.Out, ".json") {
			if b, err = json.MarshalIndent(r, "", "  "); err != nil {
				return fmt.Errorf("write report: %w", err)
			}
		} else {
			b = reportText(r)
		}
		if err := os.WriteFile(c.Out, b, 0o600); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		fmt.Println("wrote", c.Out)
		return nil
	})
}

// reportText is the report as Markdown.
func reportText(r app.CryptoReport) []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, format+"\n", args...) }
	yes := map[bool]string{true: "是", false: "否"}
	line("# 密码应用情况\n\n生成时间 %s。密钥只列编号与用途，不含密钥值。\n\n密码实现：%s；经认证的密码产品：%s。%s", r.At, r.Provider.Name, yes[r.Provider.Certified], r.Provider.Note)
	line("\n## 七个模块\n\n| 序号 | 模块 | 要求 | 做法 | 自检 | 需要认证产品的部分 |\n|---|---|---|---|---|---|")
	for _, m := range r.Modules {
		tried := []string{}
		for _, t := range m.Tried {
			if t.OK {
				tried = append(tried, t.Name+"：正例通过，改动一字节被发现")
			} else {
				tried = append(tried, t.Name+"：未通过（"+t.Fault+"）")
			}
		}
		line("| %d | %s | %s | %s | %s | %s |", m.No, m.Name, m.Needs, m.Done, strings.Join(tried, "；"), m.Hardware)
	}
	line("\n## 算法\n\n| 算法 | 标准 | 用处 | 实现 |\n|---|---|---|---|")
	for _, x := range r.Algorithms {
		line("| %s | %s | %s | %s |", x.Name, x.Standard, x.Use, x.Library)
	}
	line("\n## 密钥\n\n| 编号 | 用途 | 类别 | 版本 | 状态 | 校验值 | 生成时间 | 停用时间 | 主密钥 |\n|---|---|---|---|---|---|---|---|---|")
	for _, k := range r.Keys {
		retired := ""
		if k.RetiredAt != nil {
			retired = k.RetiredAt.String()
		}
		line("| %s | %s | %s | %d | %s | %s | %s | %s | %s |", k.ID, k.Purpose, k.Kind, k.Version, k.State, k.Check, k.CreatedAt, retired, k.Master)
	}
	line("\n## 调用点\n\n| 用途 | 密钥类别 | 模块 | 保护对象 | 代码位置 | 密文列 |\n|---|---|---|---|---|---|")
	for _, u := range r.Uses {
		line("| %s | %v | %d | %s | %s | %s |", u.Purpose, u.Kinds, u.Module, u.What, u.Where, strings.Join(u.Places, "、"))
	}
	line("\n## 加密列\n\n| 位置 | 尚未用现行密钥加密的行 |\n|---|---|")
	places := make([]string, 0, len(r.Pending))
	for p := range r.Pending {
		places = append(places, p)
	}
	sort.Strings(places)
	for _, p := range places {
		line("| %s | %d |", p, r.Pending[p])
	}
	line("\n## 审计链与程序文件\n\n审计记录共 %d 条，其中 %d 条在库；逐条校验码：%s。", r.Audit.Seq, r.Audit.InBase, yes[r.Audit.Coded])
	if r.Check != nil {
		line("最近一次核验 %s：%d 条，%s。", r.Check.At, r.Check.Rows, map[bool]string{true: "完整", false: r.Check.Fault}[r.Check.Fault == ""])
	}
	line("程序文件：%s %s %s", map[string]string{"ok": "与发布签名一致", "bad": "与发布签名不符", "unsigned": "未签名的开发构建"}[r.Release.State], r.Release.Version, r.Release.Fault)
	return b.Bytes()
}

type cryptoSelfTest struct{}

// Run implements kong's command.
func (cryptoSelfTest) Run(ctx context.Context, w *Where) error {
	return w.with(ctx, app.Options{}, func(ctx context.Context, a *app.App) error {
		bad := 0
		for _, t := range a.SelfTest(ctx) {
			if t.OK {
				fmt.Printf("ok    %d %s (%s)\n", t.Module, t.Name, t.Caught)
				continue
			}
			bad++
			fmt.Printf("FAIL  %d %s: %s\n", t.Module, t.Name, t.Fault)
		}
		if bad > 0 {
			return fmt.Errorf("%d checks failed", bad)
		}
		return nil
	})
}

type cryptoRotate struct {
	Purpose string `arg:"" help:"Purpose, as the report lists it."`
	Kind    string `help:"Kind of key: ${enum}." enum:"seal,blind,mac,sign" default:"seal"`
	Reason  string `required:"" help:"Why, for the audit record."`
}

// Run implements kong's command. What is encrypted is encrypted again before
// it ends; a running center takes the new key over within half a minute.
func (c *cryptoRotate) Run(ctx context.Context, w *Where) error {
	return w.with(ctx, app.Options{}, func(ctx context.Context, a *app.App) error {
		r, err := a.Rotate(ctx, crypto.Kind(c.Kind), c.Purpose, c.Reason)
		if err != nil {
			return err
		}
		fmt.Printf("%s %s has key %s, version %d\n", r.Key.Purpose, r.Key.Kind, r.Key.ID, r.Key.Version)
		out, err := a.Keys().RewrapAll(ctx, c.Purpose, c.Kind == string(crypto.KindBlind), nil)
		if err != nil {
			return err
		}
		fmt.Printf("%d rows were encrypted again, %d do not open\n", out.Done, out.Left)
		return nil
	})
}

type cryptoBackup struct {
	File string `arg:"" help:"File to write; it must not exist." type:"path"`
	secret
}

// Run implements kong's command.
func (c *cryptoBackup) Run(ctx context.Context, w *Where) error {
	pass, err := c.read()
	if err != nil {
		return err
	}
	return w.keyed(ctx, func(_ context.Context, _ *db.DB, k *crypto.Keys) error {
		b, err := k.Backup(pass)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("write key backup: %w", err)
		}
		_, err = f.Write(b)
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("write key backup: %w", err)
		}
		fmt.Printf("%d keys are in %s\n", len(k.List()), c.File)
		return nil
	})
}

type cryptoRestore struct {
	File string `arg:"" help:"File that crypto backup wrote." type:"existingfile"`
	secret
}

// Run implements kong's command.
func (c *cryptoRestore) Run(ctx context.Context, w *Where) error {
	pass, err := c.read()
	if err != nil {
		return err
	}
	b, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("read key backup: %w", err)
	}
	d, err := w.database(ctx)
	if err != nil {
		return err
	}
	n, err := crypto.Restore(ctx, d, crypto.FromEnv(app.KeyDir(w.Data), slog.Default()), b, pass)
	if err = errors.Join(err, d.Close()); err != nil {
		return err
	}
	fmt.Printf("%d keys were restored\n", n)
	return nil
}

type releaseKey struct {
	Out  string `arg:"" help:"Folder for release.key and release.crt." type:"path"`
	Name string `help:"Name in the certificate." default:"街巡发布"`
}

// Run implements kong's command.
func (c *releaseKey) Run() error {
	key, cert, err := crypto.ReleaseKey(c.Name, time.Now())
	if err != nil {
		return err
	}
	digest, err := crypto.CertDigest(cert)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Out, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	for name, b := range map[string][]byte{"release.key": key, "release.crt": cert} {
		f, err := os.OpenFile(filepath.Join(c.Out, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		_, err = f.Write(b)
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	fmt.Printf("keep release.key where releases are built. Build with:\n  go build -ldflags '-X main.releaseTrust=%s'\n", digest)
	return nil
}

type signRelease struct {
	Dir     string `arg:"" help:"Folder of the release." type:"existingdir"`
	Key     string `required:"" help:"release.key" type:"existingfile"`
	Cert    string `required:"" help:"release.crt" type:"existingfile"`
	Version string `required:"" help:"Version of the release."`
}

// Run implements kong's command.
func (c *signRelease) Run() error {
	key, err := os.ReadFile(c.Key)
	if err != nil {
		return fmt.Errorf("read release key: %w", err)
	}
	cert, err := os.ReadFile(c.Cert)
	if err != nil {
		return fmt.Errorf("read release certificate: %w", err)
	}
	r, err := crypto.SignRelease(c.Dir, c.Version, key, cert, time.Now())
	if err != nil {
		return err
	}
	fmt.Printf("%d files of release %s are signed in %s\n", len(r.Files), r.Version, filepath.Join(c.Dir, crypto.ReleaseName))
	return nil
}

// trust says whose releases are trusted.
type trust struct {
	ReleaseManifest string `help:"Signed list of this program's files; default release.json beside the program, if there is one." env:"JIEXUN_RELEASE_MANIFEST" type:"path"`
	ReleaseCert     string `help:"Certificate that signs releases; default the one that was built in." env:"JIEXUN_RELEASE_CERT" type:"path"`
}

func (t trust) release() (app.Release, error) {
	r := app.Release{Manifest: t.ReleaseManifest, Trusted: releaseTrust}
	if t.ReleaseCert != "" {
		b, err := os.ReadFile(t.ReleaseCert)
		if err != nil {
			return r, fmt.Errorf("read release certificate: %w", err)
		}
		if r.Trusted, err = crypto.CertDigest(b); err != nil {
			return r, err
		}
	}
	return r, nil
}

type verifyRelease struct {
	Dir string `arg:"" help:"Folder of the release." type:"existingdir"`
}

// Run implements kong's command.
func (c *verifyRelease) Run(w *Where) error {
	t, err := w.release()
	if err != nil {
		return err
	}
	if t.Trusted == "" {
		return errors.New("name the certificate that is trusted: --release-cert FILE")
	}
	r, err := crypto.CheckRelease(filepath.Join(c.Dir, crypto.ReleaseName), t.Trusted)
	if err != nil {
		return err
	}
	fmt.Printf("release %s is as it was signed: %d files\n", r.Version, len(r.Files))
	return nil
}
