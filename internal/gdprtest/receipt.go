package gdprtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/gdpr"
)

func receiptRules() []rule {
	return []rule{
		{"ReceiptsAreAChain", "one that could be taken out would prove nothing", receiptChain},
		{"AChangedChainIsDetected", "the receipt is the evidence for the regulator", receiptTampered},
		{"AReceiptNamesWhatWasErasedAndNothingOfTheCaller", "the proof of an erasure must not be what was to be erased", receiptContent},
		{"WhatOutlivesACaseHoldsNoNumberAndNoHash", "a number is recomputed from its keyed hash in minutes", receiptRecords},
		{"EveryReceiptIsHandedOutToBeAnchored", "a chain of which nobody outside knows the end can be cut", receiptHanded},
	}
}

func (e *env) receipts(c *gdpr.Controller) []gdpr.Receipt {
	e.Helper()
	var list []gdpr.Receipt
	for r, err := range c.Receipts(e.ctx) {
		require.NoError(e, err, "receipts")
		list = append(list, r)
	}
	return list
}

// threeReceipts makes a chain of three.
func (e *env) threeReceipts(c *gdpr.Controller) []gdpr.Receipt {
	e.Helper()
	for i := range 3 {
		who := e.one()
		e.forget(c, request(fmt.Sprintf("case-%d", i), who.number))
		e.erase(c)
	}
	list := e.receipts(c)
	require.Len(e, list, 3)
	return list
}

func receiptChain(e *env) {
	c := e.controller()
	for range c.Receipts(e.ctx) {
		require.Fail(e, "there are none yet")
	}
	list := e.threeReceipts(c)
	previous := ""
	for i, r := range list {
		require.Equal(e, i+1, r.Number)
		require.Equal(e, fmt.Sprintf("case-%d", i), r.CaseID)
		require.Equal(e, previous, r.Previous)
		previous = r.Digest()
		require.Regexp(e, regexp.MustCompile("^[0-9a-f]{64}$"), previous)
	}
}

func receiptTampered(e *env) {
	c := e.controller()
	e.threeReceipts(c)
	master := e.place.Master
	names := e.names(master, e.space.Receipts())
	require.Len(e, names, 3)
	stored := map[string][]byte{}
	for _, name := range names {
		stored[name] = e.readRaw(master, name)
	}
	restore := func() {
		e.removeRaw(master, e.names(master, e.space.Receipts())...)
		for _, name := range names {
			e.plant(master, name, string(stored[name]), nil)
		}
	}
	other := func(b []byte) []byte { return bytes.Replace(b, []byte(`"case-`), []byte(`"fake-`), 1) }
	for why, do := range map[string]func(){
		"the first says something else":  func() { e.replace(master, names[0], other) },
		"the second says something else": func() { e.replace(master, names[1], other) },
		"the first is missing":           func() { e.removeRaw(master, names[0]) },
		"one in the middle is missing":   func() { e.removeRaw(master, names[1]) },
		"two have changed places": func() {
			e.removeRaw(master, names[1], names[2])
			e.plant(master, names[1], string(stored[names[2]]), nil)
			e.plant(master, names[2], string(stored[names[1]]), nil)
		},
		"there is one beside":               func() { e.plant(master, e.space.Receipts()+"000000002x", string(stored[names[1]]), nil) },
		"one was put at the end, of itself": func() { e.plant(master, e.space.Receipt(4), string(stored[names[2]]), nil) },
	} {
		do()
		require.ErrorIs(e, chainError(e.ctx, c), gdpr.ErrTampered, why)
		restore()
		require.NoError(e, chainError(e.ctx, c), why)
	}
	// Of the last one only who knows its digest can tell.
	digest := e.receipts(c)[2].Digest()
	e.replace(master, names[2], other)
	require.NotEqual(e, digest, e.receipts(c)[2].Digest())
}

func chainError(ctx context.Context, c *gdpr.Controller) error {
	for _, err := range c.Receipts(ctx) {
		if err != nil {
			return err
		}
	}
	return nil
}

func receiptContent(e *env) {
	s := e.scene()
	c := e.controller()
	accepted := e.forget(c, request("c1", s.number))
	r := e.erase(c)[0]
	require.Equal(e, s.ids(), r.Messages)
	require.Equal(e, accepted.AcceptedAt, r.AcceptedAt)
	require.Equal(e, accepted.EraseBy, r.EraseBy)
	require.True(e, slices.IsSortedFunc([]int64{r.AcceptedAt.UnixNano(), r.DecidedAt.UnixNano(), r.ErasedAt.UnixNano(), r.VerifiedAt.UnixNano()}, func(a, b int64) int {
		return int(min(max(a-b, -1), 1))
	}))
	require.False(e, r.ErasedAt.After(r.EraseBy), "the promise is kept")
	doc := string(e.readRaw(e.place.Master, e.space.Receipt(1)))
	var fields map[string]any
	require.NoError(e, json.Unmarshal([]byte(doc), &fields))
	for _, secret := range []string{digits(s.number), digits(s.number)[4:], s.name, string(personal) + `"`, "actor"} {
		require.NotContains(e, doc, secret)
	}
	rest := doc
	for _, known := range []string{r.Nonce, r.Previous} {
		if known != "" {
			rest = strings.ReplaceAll(rest, known, "")
		}
	}
	require.NotRegexp(e, regexp.MustCompile("[0-9a-f]{16}"), strings.ReplaceAll(rest, "-", ""+"."), "a token that could be a hash")
}

func receiptRecords(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.undo(c, request("c1", s.number))
	e.forget(c, request("c1", s.number))
	id := e.hold(c, s.left[0], "a lawsuit")
	e.release(c, id)
	e.erase(c)
	e.erased(s, "c1")
	for _, name := range e.names(e.place.Master, e.space.Root()+"gdpr/") {
		require.True(e, strings.HasPrefix(name, e.space.Cases()) || strings.HasPrefix(name, e.space.Receipts()), "a record outlives its case")
	}
	require.Empty(e, e.due())
	for _, region := range e.regions {
		for _, name := range e.names(region, "") {
			for _, r := range s.left {
				if strings.Contains(name, string(r.ID())) {
					require.Contains(e, name, ".gone-", "only the mark that it is gone is left of a message, for a day")
				}
			}
		}
	}
	e.pass(2 * day)
	_, err := e.svc().Maintain(e.ctx)
	require.NoError(e, err)
	e.erased(s, "c1")
}

func receiptHanded(e *env) {
	who := e.one()
	var handed []gdpr.Receipt
	c := e.controller(func(o *gdpr.Options) { o.OnReceipt = func(r gdpr.Receipt) { handed = append(handed, r) } })
	e.forget(c, request("c1", who.number))
	e.erase(c)
	stored := e.receipts(c)
	require.Len(e, handed, 1)
	require.Equal(e, stored[0].Digest(), handed[0].Digest(), "what is anchored is the digest of what is stored")
	require.Equal(e, stored[0].Number, handed[0].Number)
}
