package gdprtest

import (
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
)

func foreignRules() []rule {
	return []rule{
		{"WhatOnlyHasTheTagIsReportedExportedAndErasedByName", "the product's own messages stay behind when a caller is forgotten here", foreignTagged},
		{"WhatOnlyHasTheTagStaysWhenTheCaseIsUndone", "the caller's messages of years would be lost", foreignUndo},
		{"WhatCouldBeAnotherTenantsIsReportedAndLeft", "a search by tag crosses tenants, an erasure must not", foreignElsewhere},
		{"WhatTheApplicationClaimsIsTheTenantsOwn", "in a shared storage only the application knows whose is what", foreignClaimed},
		{"WhatHasNoTagOfTheCallerIsNeverTouched", "there is more in a container than voicemail", foreignUntouched},
	}
}

// tagged are the regions whose storage can search tags.
func (e *env) tagged() []string {
	var list []string
	for _, region := range e.regions {
		if _, ok := storage.As[storage.TagFinder](e.undisturbed()[region]); ok {
			list = append(list, region)
		}
	}
	return list
}

const productName = "voicemail/5001/messages/product-"

// product is a message as another program deposits it: named in its own way, and tagged with the number.
func (e *env) product(region string, c *caller, name string) []byte {
	e.Helper()
	audio := wav(300)
	e.plant(region, productName+name+".wav", string(audio), map[string]string{"caller_id": c.number})
	return audio
}

func foreignTagged(e *env) {
	s := e.scene()
	c := e.controller()
	var said [][]byte
	for _, region := range e.regions {
		said = append(said, e.product(region, s.caller, "x"))
	}
	// On a storage without tags nothing tells whose it is, and nothing of it may be touched.
	n := len(e.tagged())
	sink, dir := e.dir()
	x, err := c.ExportMe(e.ctx, request("x1", s.number), sink)
	require.NoError(e, err)
	require.NoError(e, sink.Close())
	exported := 0
	for _, content := range contents(e, dir) {
		if slices.ContainsFunc(said, func(a []byte) bool { return string(a) == string(content) }) {
			exported++
		}
	}
	require.Equal(e, n, exported, "the product's recordings are exported")
	require.Equal(e, len(s.ids())+n, x.Files)

	r := e.forget(c, request("c1", s.number))
	require.Equal(e, n, r.Foreign)
	require.Zero(e, r.ForeignElsewhere)
	for _, region := range e.regions {
		require.Len(e, e.names(region, productName), 1, "it stays until it is due")
	}
	receipts := e.erase(c)
	require.Equal(e, n, receipts[0].Foreign)
	for i, region := range e.regions {
		if slices.Contains(e.tagged(), region) {
			require.Empty(e, e.names(region, productName))
			e.clean(rawscan.Scan{Audio: [][]byte{said[i]}})
		} else {
			require.Len(e, e.names(region, productName), 1)
			e.removeRaw(region, productName+"x.wav")
		}
	}
	e.erased(s, "c1")
}

func foreignUndo(e *env) {
	s := e.scene()
	c := e.controller()
	for _, region := range e.regions {
		e.product(region, s.caller, "x")
	}
	before := e.withoutRecords(e.listing())
	e.forget(c, request("c1", s.number))
	e.undo(c, request("c1", s.number))
	e.pass(2 * day)
	e.sweep(c)
	e.equal(before, e.withoutRecords(e.listing()), "something changed")
}

func foreignElsewhere(e *env) {
	s := e.scene()
	for _, region := range e.regions {
		e.product(region, s.caller, "x")
	}
	stores := e.disturbed()
	for _, region := range e.regions { // another tenant has something everywhere
		e.openIn(voicemail.Regions{Master: region, Local: region, Stores: stores}, func(o *voicemail.Options) { o.Tenant = "rival" })
	}
	c := e.controller()
	r := e.forget(c, request("c1", s.number))
	require.Zero(e, r.Foreign)
	require.Equal(e, len(e.tagged()), r.ForeignElsewhere)
	receipts := e.erase(c)
	require.Zero(e, receipts[0].Foreign)
	for _, region := range e.regions {
		require.Len(e, e.names(region, productName), 1, "region %s", region)
		e.removeRaw(region, productName+"x.wav")
	}
	e.erased(s, "c1")
}

func foreignClaimed(e *env) {
	s := e.scene()
	for _, region := range e.regions {
		e.product(region, s.caller, "ours")
		e.product(region, s.caller, "theirs")
	}
	c := e.controller(func(o *gdpr.Options) {
		o.Foreign = func(_, name string) bool { return strings.HasSuffix(name, "ours.wav") }
	})
	r := e.forget(c, request("c1", s.number))
	n := len(e.tagged())
	require.Equal(e, n, r.Foreign)
	require.Equal(e, n, r.ForeignElsewhere)
	e.erase(c)
	for _, region := range e.tagged() {
		require.Equal(e, []string{productName + "theirs.wav"}, e.names(region, productName))
	}
}

func foreignUntouched(e *env) {
	s := e.scene()
	tags := []map[string]string{nil, {"caller_id": s.other.number}, {"caller": s.number}, {"caller_id": s.number + "0"}}
	for _, region := range e.regions {
		for i, t := range tags {
			e.plant(region, productName+string(rune('a'+i)), "nothing of his", t)
		}
	}
	c := e.controller()
	r := e.forget(c, request("c1", s.number))
	require.Zero(e, r.Foreign+r.ForeignElsewhere)
	e.erase(c)
	for _, region := range e.regions {
		require.Len(e, e.names(region, productName), len(tags), "region %s", region)
	}
}
