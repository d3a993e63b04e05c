package voicemail

import (
	"context"
	"time"
)

// What the explorations of data-protection requests, which are in package voicemail_test, share with those of the other operations.
const (
	BoxA = boxA
	BoxB = boxB
	MsgX = msgX
	MsgY = msgY
)

// ServiceIn is testServiceIn.
func ServiceIn(ctx context.Context, regions Regions, seed int64, now func() time.Time) (*Service, error) {
	return testServiceIn(ctx, regions, seed, now)
}

// Caller is testCaller.
func Caller() CallerID { return testCaller() }

// With returns the handle m as a process has it whose Service is s: a message that an agent was shown before.
func With(s *Service, m Message) Message {
	known := *m.(*message)
	known.svc = s
	return &known
}
