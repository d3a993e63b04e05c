package mwi_test

import (
	"fmt"
	"strings"

	"github.com/genesys/voicemail/mwi"
)

func ExampleSummary_MarshalText() {
	summary := mwi.Summary{
		Account: "sip:5001@pbx.example",
		Counts:  mwi.Counts{New: 2, Old: 8, OldUrgent: 2},
	}
	body, err := summary.MarshalText()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("Event:", mwi.EventPackage)
	fmt.Println("Content-Type:", mwi.ContentType)
	fmt.Println()
	fmt.Print(strings.ReplaceAll(string(body), "\r\n", "\n"))
	// Output:
	// Event: message-summary
	// Content-Type: application/simple-message-summary
	//
	// Messages-Waiting: yes
	// Message-Account: sip:5001@pbx.example
	// Voice-Message: 2/8 (0/2)
}

func ExampleSummary_UnmarshalText() {
	body := "Messages-Waiting: yes\r\nVoice-Message: 1/3\r\n"
	var summary mwi.Summary
	if err := summary.UnmarshalText([]byte(body)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("lamp:", summary.Waiting())
	fmt.Println("new:", summary.Counts.New, "old:", summary.Counts.Old)
	// Output:
	// lamp: true
	// new: 1 old: 3
}

// Some systems say only whether the lamp is to be lit.
func ExampleSummary_Waiting() {
	var summary mwi.Summary
	if err := summary.UnmarshalText([]byte("Messages-Waiting: yes\r\n")); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("lamp:", summary.Waiting(), "- counted:", !summary.Uncounted)
	// Output:
	// lamp: true - counted: false
}
