package access_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/access"
	"github.com/genesys/voicemail/storage/memstore"
)

func typed(digits string) access.PIN {
	pin, err := access.ParsePIN(digits)
	if err != nil {
		fmt.Println(err)
	}
	return pin
}

func Example() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := svc.CreateMailbox(ctx, "5001", nil); err != nil {
		fmt.Println(err)
		return
	}
	// Until a PIN is set, the mailbox number is one, and has to be changed.
	door, err := access.New(svc, &access.Options{Default: access.MailboxNumber, MustChangeDefault: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := door.Verify(ctx, "5001", typed("5001"))
	fmt.Println("must change:", result.MustChange, err)
	fmt.Println(door.Change(ctx, "5001", typed("5001"), typed("1234")))
	fmt.Println(door.Change(ctx, "5001", typed("5001"), typed("7294")))

	_, err = door.Verify(ctx, "5001", typed("5001"))
	var wrong *access.WrongPINError
	if errors.As(err, &wrong) {
		fmt.Println("tries left:", wrong.Left)
	}
	fmt.Println("in a log:", typed("7294"))
	// Output:
	// must change: true <nil>
	// change PIN in mailbox "5001": PIN is too weak: one digit repeated, a run of digits, or the mailbox's own number is what others try first
	// <nil>
	// tries left: 3
	// in a log: REDACTED
}

func ExampleAccess_Unlock() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := svc.CreateMailbox(ctx, "5001", nil); err != nil {
		fmt.Println(err)
		return
	}
	door, err := access.New(svc, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := door.Set(ctx, "5001", typed("7294"), nil); err != nil {
		fmt.Println(err)
		return
	}
	for range 4 {
		_, _ = door.Verify(ctx, "5001", typed("0000"))
	}
	_, err = door.Verify(ctx, "5001", typed("7294"))
	fmt.Println("locked:", errors.Is(err, access.ErrLocked))

	fmt.Println(door.Unlock(ctx, "5001"))
	_, err = door.Verify(ctx, "5001", typed("7294"))
	fmt.Println(err)
	// Output:
	// locked: true
	// <nil>
	// <nil>
}

// What a help desk does: see how a mailbox stands, and let its user begin anew.
func ExampleAccess_Clear() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := svc.CreateMailbox(ctx, "5001", nil); err != nil {
		fmt.Println(err)
		return
	}
	door, err := access.New(svc, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(door.Set(ctx, "5001", typed("7294"), &access.SetOptions{MustChange: true}))
	status, err := door.Status(ctx, "5001")
	fmt.Println("set:", status.Set, "must change:", status.MustChange, "tries left:", status.Left, err)
	fmt.Println(door.Clear(ctx, "5001"))
	_, err = door.Verify(ctx, "5001", typed("7294"))
	fmt.Println("no PIN:", errors.Is(err, access.ErrNoPIN))
	// Output:
	// <nil>
	// set: true must change: true tries left: 4 <nil>
	// <nil>
	// no PIN: true
}

func ExampleParsePIN() {
	pin, err := access.ParsePIN("7294")
	fmt.Println(pin, err)
	_, err = access.ParsePIN("72-94")
	fmt.Println(errors.Is(err, voicemail.ErrInvalid))
	// Output:
	// REDACTED <nil>
	// true
}
