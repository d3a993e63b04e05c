// Package mwi tells telephones and desktops what waits in a mailbox: the message-waiting indication.
//
// A [Summary] is what they are told. Its text form is the body that SIP carries for it, application/simple-message-summary of RFC 3842.
package mwi
