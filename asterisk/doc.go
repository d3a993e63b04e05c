// Package asterisk imports voicemail from the spool of an Asterisk server.
//
// The spool is the directory that app_voicemail keeps on a disk, usually /var/spool/asterisk/voicemail: a directory for each context, in it one for each
// mailbox, in it the folders (INBOX, Old, Urgent, …), and in them msg0000.txt with what is known of a message beside its recording in one or
// more formats. Messages that Asterisk keeps in a database or on an IMAP server are not there.
//
// [Import] can be stopped anywhere and run again, as often as one likes, also while the server still takes messages: each message has an ID that is made of
// what it is, so a second import makes no second message, brings nothing back that was deleted or erased since, and leaves alone what agents did
// since. It only reads the spool.
package asterisk
