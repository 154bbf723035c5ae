package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"jiexun/center/internal/app"
	"jiexun/center/internal/platform/backup"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/jobs"
	"jiexun/center/migrations"
)

type backupCmd struct {
	Write  backupWrite  `cmd:"" default:"withargs" help:"Write database and files into one archive while the center runs."`
	Verify backupVerify `cmd:"" help:"Check every digest of an archive."`
}

// secret names where an archive's passphrase comes from.
type secret struct {
	PassphraseFile string `help:"File whose first line is the passphrase of the archive." env:"JIEXUN_BACKUP_PASSPHRASE_FILE" type:"path"`
	Plain          bool   `help:"Do not seal the archive. It holds keys and personal data: only onto a medium that is sealed itself."`
}

func (s secret) read() (string, error) {
	if s.PassphraseFile == "" {
		if s.Plain {
			return "", nil
		}
		return "", errors.New("give --passphrase-file, or --plain for an archive that is not sealed")
	}
	b, err := os.ReadFile(s.PassphraseFile)
	if err != nil {
		return "", fmt.Errorf("read the passphrase: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSpace(line); len(line) < 8 {
		return "", errors.New("the passphrase needs at least 8 characters")
	}
	return line, nil
}

type backupWrite struct {
	File string `arg:"" help:"Archive to write; it must not exist." type:"path"`
	secret
}

// Run implements kong's command.
func (c *backupWrite) Run(ctx context.Context, w *Where) (err error) {
	pass, err := c.read()
	if err != nil {
		return err
	}
	d, err := w.database(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if _, err := os.Stat(c.File); err == nil {
		return fmt.Errorf("%s is there already", c.File)
	}
	part := c.File + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	buf := bufio.NewWriterSize(f, 1<<20)
	m, err := backup.Write(ctx, backup.Options{DB: d, Data: w.Data, Migrations: migrations.FS, Passphrase: pass}, buf)
	if err == nil {
		err = errors.Join(buf.Flush(), f.Sync())
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, c.File); err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	fmt.Printf("%s: %d rows and %d files\n", filepath.Base(c.File), m.Rows(), m.Files())
	return nil
}

// database opens the center's database alone; nothing is migrated.
func (w *Where) database(ctx context.Context) (*db.DB, error) {
	url, err := app.DatabaseURL(w.Data, w.DB)
	if err != nil {
		return nil, err
	}
	return db.Open(ctx, url, clock.System{})
}

type backupVerify struct {
	File string `arg:"" help:"Archive to check." type:"existingfile"`
	secret
}

// Run implements kong's command.
func (c *backupVerify) Run(context.Context) (err error) {
	c.Plain = true // a plain archive needs no passphrase to be checked
	pass, err := c.read()
	if err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("open the archive: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	m, err := backup.Verify(bufio.NewReaderSize(f, 1<<20), pass)
	if err != nil {
		return err
	}
	fmt.Printf("whole: %d rows and %d files of %s, %s\n", m.Rows(), m.Files(), m.At.Format("2006-01-02 15:04:05Z"), m.Database)
	return nil
}

type restoreCmd struct {
	File string `arg:"" help:"Archive to restore into an empty data folder and database." type:"existingfile"`
	secret
}

// Run implements kong's command.
func (c *restoreCmd) Run(ctx context.Context, w *Where) (err error) {
	c.Plain = true
	pass, err := c.read()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(w.Data, 0o700); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	d, err := w.database(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	rep, err := backup.Restore(ctx, backup.Options{
		DB: d, Data: w.Data, Migrations: migrations.FS, Passphrase: pass,
		Prepare: func(ctx context.Context) error { return jobs.Migrate(ctx, d) },
	},
		func() (io.ReadCloser, error) { return os.Open(c.File) })
	if err != nil {
		return err
	}
	// A box takes only what is newer than what it has, and it may have got
	// configurations after the backup: their numbers must not come again.
	if _, err := d.SQL().ExecContext(ctx, "UPDATE dir_boxes SET version = version + 1000"); err != nil {
		return fmt.Errorf("raise the versions of configurations: %w", err)
	}
	fmt.Printf("restored %d rows and %d files; every table and file was read back\n", rep.Manifest.Rows(), rep.Manifest.Files())
	for _, t := range rep.Skipped {
		fmt.Printf("left out: table %s belongs to the other kind of database\n", t)
	}
	return nil
}
