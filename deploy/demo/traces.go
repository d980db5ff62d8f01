package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"seraph/ctlproto"
	"seraph/deploy/demo/phone"
	"seraph/sql/store"
)

// stored is what bob has written.
const stored = "Hi Alice, I tried to call you. Lunch at noon?"

// traceTimeout bounds each thing that is done while the newcomer's phone is off:
// the call, the message, and their being in the database.
const traceTimeout = 3 * time.Second

// leaveTraces lets caller call owner and write to them while owner's phone is
// off, so that there is a missed call and a stored message. It happens as it
// would with real people, through the router. What is there from an earlier run
// is enough. A router that keeps neither is told of and no reason to end.
func (d *demo) leaveTraces(ctx context.Context, owner, caller person) (err error) {
	db, err := store.Open(ctx, d.database, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	t := &traces{db: db, owner: owner, from: d.phones.all[caller.name]}
	missed, err := t.missed(ctx)
	if err != nil {
		return err
	}
	messages, err := t.messages(ctx)
	if err != nil || missed && messages {
		return err
	}
	if err := d.switchOff(ctx, owner); err != nil {
		return err
	}
	if !missed {
		if err := t.leave(ctx, t.call, t.missed); err != nil {
			d.phones.log.note("no missed call for %s: %v", owner.name, err)
		}
	}
	if !messages {
		if err := t.leave(ctx, t.write, t.messages); err != nil {
			d.phones.log.note("no stored message for %s: %v", owner.name, err)
		}
	}
	return nil
}

// switchOff forgets the phone of an earlier demo that was killed.
func (d *demo) switchOff(ctx context.Context, owner person) error {
	c, err := ctlproto.Dial(ctx, d.socket)
	if err != nil {
		return err
	}
	defer c.Close()
	err = c.UlRm(ctx, owner.aor().String())
	if ctlproto.CodeOf(err) == ctlproto.CodeNotFound {
		return nil
	}
	return err
}

// traces are what owner finds when they come back.
type traces struct {
	db    *store.DB
	owner person
	from  *phone.Phone
}

// leave does one thing and waits until the database has what it left.
func (t *traces) leave(ctx context.Context, do func(context.Context) error, there func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, traceTimeout)
	defer cancel()
	if err := do(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(pollPause)
	defer tick.Stop()
	for {
		found, err := there(ctx)
		switch {
		case found:
			return nil
		case ctx.Err() != nil:
			return errors.New("the router has not kept it")
		case err != nil:
			return err
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// call calls somebody who is not there.
func (t *traces) call(ctx context.Context) error {
	var refused *phone.Refused
	err := t.from.Call(ctx, t.owner.uri())
	switch {
	case errors.As(err, &refused):
		return nil
	case err == nil:
		return errors.New("somebody answered")
	}
	return err
}

// write writes to somebody who is not there.
func (t *traces) write(ctx context.Context) error {
	code, err := t.from.Message(ctx, t.owner.uri(), stored)
	if err == nil && code != 202 {
		err = fmt.Errorf("the message was answered %d", code)
	}
	return err
}

func (t *traces) missed(ctx context.Context) (bool, error) {
	_, n, err := t.db.Calls.ListMissed(ctx, t.owner.aor(), store.CallQuery{Limit: 1})
	return n > 0, err
}

func (t *traces) messages(ctx context.Context) (bool, error) {
	n, _, err := t.db.Silo.Count(ctx, t.owner.aor())
	return n > 0, err
}
