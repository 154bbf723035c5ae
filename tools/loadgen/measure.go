package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"

	"jiexun/tools/internal/boxlink"
)

// measure runs the product and then the bare loop on one kind of database.
func measure(ctx context.Context, o options, name string) (r result, err error) {
	r.name = name
	dir, err := os.MkdirTemp("", "loadgen-*")
	if err != nil {
		return r, fmt.Errorf("make data folder: %w", err)
	}
	defer os.RemoveAll(dir)
	product, plain, remove, err := databases(ctx, o, name, dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if err := runProduct(ctx, o, product, &r); err != nil {
		return r, err
	}
	if _, err := plain.Command(ctx, "migrate"); err != nil {
		return r, err
	}
	db, err := openDB(plain.address())
	if err != nil {
		return r, err
	}
	defer db.Close()
	runtime.GC() // what the measurement of the center left
	cpu, err := ownCPU()
	if err != nil {
		return r, err
	}
	took, err := bareLoop(ctx, db, r.tables, o.Events)
	if err != nil {
		return r, err
	}
	used, err := ownCPU()
	r.plain, r.plainCPU = float64(o.Events)/took.Seconds(), (used-cpu)/time.Duration(o.Events)
	return r, err
}

// place is a center's folder and database.
type place struct{ boxlink.CenterOptions }

// address is the database's URL.
func (p place) address() string {
	if p.DB != "" {
		return p.DB
	}
	return "sqlite:" + filepath.Join(p.Data, "jiexun.db")
}

// databases makes two empty places: one for the center, one for the loop.
func databases(ctx context.Context, o options, name, dir string) (product, plain place, remove func() error, err error) {
	remove = func() error { return nil }
	for _, p := range []struct {
		to  *place
		sub string
	}{{&product, "product"}, {&plain, "bare"}} {
		p.to.CenterOptions = boxlink.CenterOptions{Bin: o.CenterBin, Data: filepath.Join(dir, p.sub)}
		if err := os.MkdirAll(p.to.Data, 0o755); err != nil {
			return product, plain, remove, fmt.Errorf("make data folder: %w", err)
		}
	}
	if name == "sqlite" {
		return product, plain, remove, nil
	}
	server, err := openDB(o.PG)
	if err != nil {
		return product, plain, remove, err
	}
	var made []string
	remove = func() error {
		// Not ctx: what was made is removed after an interruption too.
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		var err error
		for _, m := range made {
			_, e := server.ExecContext(ctx, `DROP DATABASE `+quote(m)+` WITH (FORCE)`)
			err = errors.Join(err, e)
		}
		return errors.Join(err, server.Close())
	}
	tag := "loadgen_" + strings.ToLower(ulid.Make().String())
	for _, p := range []struct {
		to  *place
		sub string
	}{{&product, "_product"}, {&plain, "_bare"}} {
		if _, err := server.ExecContext(ctx, `CREATE DATABASE `+quote(tag+p.sub)); err != nil {
			return product, plain, remove, errors.Join(fmt.Errorf("create database: %w", err), remove())
		}
		made = append(made, tag+p.sub)
		u, err := url.Parse(o.PG)
		if err != nil {
			return product, plain, remove, errors.Join(fmt.Errorf("--pg: %w", err), remove())
		}
		u.Path = "/" + tag + p.sub
		p.to.DB = u.String()
	}
	return product, plain, remove, nil
}

// runProduct fills in the center's rate and the rows that it stored.
func runProduct(ctx context.Context, o options, p place, r *result) (err error) {
	center, err := boxlink.StartCenter(ctx, p.CenterOptions)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, center.Stop()) }()
	console, err := center.SignIn(ctx)
	if err != nil {
		return err
	}
	boxes, err := boxlink.EnrolBoxes(ctx, console, "L", o.Boxes, o.Cameras)
	if err != nil {
		return err
	}
	list, err := senders(boxes, o.Events)
	if err != nil {
		return err
	}
	db, err := openDB(p.address())
	if err != nil {
		return err
	}
	defer db.Close()
	before, err := db.counts(ctx)
	if err != nil {
		return err
	}
	cpu, err := center.CPU()
	if err != nil {
		return err
	}
	took, err := driveAll(ctx, list)
	if err != nil {
		return err
	}
	used, err := center.CPU()
	if err != nil {
		return err
	}
	r.product, r.productCPU = float64(o.Events)/took.Seconds(), (used-cpu)/time.Duration(o.Events)
	for _, s := range list {
		r.resent += s.resent
	}
	if r.tables, err = db.filled(ctx, before, o.Events); err != nil {
		return err
	}
	return r.check(o.Events)
}

// check makes sure that everything that was acknowledged is stored.
func (r *result) check(events int) error {
	for _, t := range r.tables {
		if t.name == "hub_messages" {
			if len(t.rows) != events {
				return fmt.Errorf("%d events were acknowledged, %d are stored", events, len(t.rows))
			}
			return nil
		}
	}
	return errors.New("the events filled no table hub_messages")
}

// ownCPU is the processor time that this process has used.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
