package mwi

import (
	"context"
	"time"

	"github.com/genesys/voicemail"
)

// Notifier tells a subscriber what waits in a mailbox: it sends a SIP NOTIFY, an event to a desktop, a message on a bus.
type Notifier interface {
	// Notify tells n. For one subscription it is called in order and never twice at the same time; a Notifier of several subscriptions is called for them
	// concurrently. ctx ends after 30 seconds, and a Notify that goes on all the same delays its own subscription only.
	//
	// After an error the subscriber may know n or not, so the current state is told again: after about a second, later each time, up to half a minute.
	// A subscriber that is gone for good is cancelled by the application, from within Notify if it likes. Notify must not call [Publisher.Close].
	Notify(ctx context.Context, n Notification) error
}

// NotifierFunc is a function that is a [Notifier].
type NotifierFunc func(ctx context.Context, n Notification) error

// Notify calls f.
func (f NotifierFunc) Notify(ctx context.Context, n Notification) error { return f(ctx, n) }

// Notification is the state of a mailbox that a subscriber is told.
type Notification struct {
	Mailbox voicemail.MailboxID
	Counts  Counts
	// Gone: there is no such mailbox, or none any more. Counts is zero then, and the lamp is to go out. SIP ends the subscription with the NOTIFY that
	// says so, by Subscription-State: terminated;reason=noresource (RFC 6665, section 4.1.3); the application then cancels its own. One that is not
	// cancelled goes on, and is told if the mailbox is created again.
	Gone bool
	// CountedAt is when the counting began, by Options.Now. Of two states of a mailbox that come from two processes the one that was counted later is right, as
	// far as their clocks agree.
	CountedAt time.Time
}

// same reports whether both say the same to a subscriber.
func (n Notification) same(other Notification) bool {
	return n.Counts == other.Counts && n.Gone == other.Gone
}

// touched returns the mailboxes whose counts an event may have changed. A kind that it does not know may have changed them.
func touched(ev voicemail.Event) []voicemail.MailboxID {
	switch ev.Kind {
	case voicemail.EventPending, // in no mailbox yet
		voicemail.EventTenantChanged,
		voicemail.EventGreetingSet, voicemail.EventGreetingDeleted, voicemail.EventExpirySet, voicemail.EventPartAdded, voicemail.EventHeld, voicemail.EventReleased,
		voicemail.EventPINSet, voicemail.EventPINCleared, voicemail.EventPINLocked, voicemail.EventPINUnlocked:
		return nil
	case voicemail.EventCopied: // From is as it was
		return []voicemail.MailboxID{ev.Mailbox}
	}
	if ev.From == "" || ev.From == ev.Mailbox {
		return []voicemail.MailboxID{ev.Mailbox}
	}
	return []voicemail.MailboxID{ev.Mailbox, ev.From}
}
