package menu

// text is what a prompt of the name says. What stands in braces comes from the prompt.
func text(n Name) string {
	switch n {
	case Welcome:
		return "Welcome to voicemail."
	case Goodbye:
		return "Goodbye."
	case NoSuchKey:
		return "That key does nothing here."
	case NoNumber:
		return "That is not a number that can be used here."
	case Silence:
		return "Are you still there?"
	case Unavailable:
		return "That did not work. Please try again."

	case SayMailbox:
		return "Enter your mailbox number, then press hash."
	case SayPIN:
		return "Enter your PIN, then press hash. For another mailbox, press star."
	case SayNewPIN:
		return "Enter a new PIN of four to sixteen digits, then press hash. To go back, press star."
	case SayRepeatPIN:
		return "Enter it again, then press hash. To choose another one, press star."
	case SayMain:
		return "Main menu."
	case SayMessage:
		return "This message."
	case SayPurge:
		return "The message will be deleted for good."
	case SayForwardTo:
		return "Enter the number of the mailbox, then press hash. To go back, press star."
	case SayForward:
		return "Forward the message."
	case SayRecordComment:
		return "Say your comment after the tone, then press any key."
	case SayGreetings:
		return "Greetings."
	case SayGreeting:
		return "This greeting."
	case SayRecordGreeting:
		return "Say the greeting after the tone, then press any key."
	case SayReviewGreeting:
		return "The greeting is recorded, and not kept yet."
	case SayExpires:
		return "Enter for how many days it is played, or zero until you delete it, then press hash. To go back, press star."
	case SaySettings:
		return "Settings."
	case SayOptOut:
		return "The opt-out number is where callers are connected who do not want to leave a message."
	case SayNewOptOut:
		return "Enter the opt-out number, then press hash. To go back, press star."

	case HelpRepeat:
		return "To hear this again, press {key}."
	case HelpNew:
		return "To hear your new messages, press {key}."
	case HelpSaved:
		return "To hear your saved messages, press {key}."
	case HelpDeleted:
		return "To hear your deleted messages, press {key}."
	case HelpGreetings:
		return "For your greetings, press {key}."
	case HelpSettings:
		return "For your PIN and other settings, press {key}."
	case HelpEnd:
		return "To end the call, press {key}."
	case HelpBack:
		return "To go back, press {key}."
	case HelpAgain:
		return "To hear it again, press {key}."
	case HelpSave:
		return "To save it, press {key}."
	case HelpMarkNew:
		return "To make it new again, press {key}."
	case HelpRestore:
		return "To restore it, press {key}."
	case HelpDelete:
		return "To delete it, press {key}."
	case HelpPurge:
		return "To delete it for good, press {key}."
	case HelpForward:
		return "To forward it, press {key}."
	case HelpEnvelope:
		return "To hear when it came and from whom, press {key}."
	case HelpUrgent:
		return "To make it urgent or not, press {key}."
	case HelpRewind:
		return "To skip back, press {key}."
	case HelpPause:
		return "To pause and to go on, press {key}."
	case HelpAhead:
		return "To skip ahead, press {key}."
	case HelpNext:
		return "For the next message, press {key}."
	case HelpKeep:
		return "To keep it, press {key}."
	case HelpCancel:
		return "To cancel, press {key}."
	case HelpAnother:
		return "To add a mailbox, press {key}."
	case HelpComment:
		return "To record a comment, press {key}."
	case HelpListen:
		return "To listen to it, press {key}."
	case HelpSend:
		return "To send it, press {key}."
	case HelpUnavailable:
		return "For the greeting when you do not answer, press {key}."
	case HelpBusy:
		return "For the greeting when you are busy, press {key}."
	case HelpTemporary:
		return "For the temporary greeting, press {key}."
	case HelpName:
		return "For your name, press {key}."
	case HelpRecord:
		return "To record it, press {key}."
	case HelpRecordAgain:
		return "To record it again, press {key}."
	case HelpDeleteGreeting:
		return "To delete it, press {key}."
	case HelpEarlier:
		return "To go back to the one before, press {key}."
	case HelpPIN:
		return "To change your PIN, press {key}."
	case HelpOptOut:
		return "For your opt-out number, press {key}."
	case HelpNewOptOut:
		return "To set it, press {key}."
	case HelpNoOptOut:
		return "To have none of your own, press {key}."
	}
	return told(n)
}

// told is text of what is told.
func told(n Name) string {
	switch n {
	case WrongPIN:
		return "The mailbox number and the PIN do not fit."
	case Locked:
		return "This mailbox is locked until {time}, since too many wrong PINs were entered."
	case NoPIN:
		return "This mailbox has no PIN. Please ask your administrator for one."
	case MustChange:
		return "Your PIN has to be changed first."
	case WeakPIN:
		return "That PIN is too short, too long, too easy to guess, or the old one."
	case DifferentPINs:
		return "That was not the same PIN."
	case PINChanged:
		return "Your PIN is changed."
	case CountNew:
		return "New messages: {count}."
	case CountUrgent:
		return "Urgent ones among them: {count}."
	case CountSaved:
		return "Saved messages: {count}."
	case Damaged:
		return "Messages that cannot be read: {count}."
	case NoMessages:
		return "There are no messages."
	case NoMore:
		return "There are no more messages."
	case MessageNumber:
		return "Message {count}."
	case IsUrgent:
		return "It is urgent."
	case IsNotUrgent:
		return "It is not urgent any more."
	case IsPrivate:
		return "It is private: it cannot be forwarded."
	case WithComment:
		return "It was forwarded with a comment."
	case CannotPlay:
		return "It cannot be played."
	case Gone:
		return "The message is gone."
	case Paused:
		return "Paused."
	case EndOfMessage:
		return "End of message."
	case IsSaved:
		return "Saved."
	case IsNew:
		return "It is new again."
	case IsDeleted:
		return "Deleted."
	case IsRestored:
		return "Restored."
	case IsPurged:
		return "Deleted for good."
	case IsHeld:
		return "It is held and cannot be deleted."
	case ReceivedAt:
		return "Received on {time}."
	case FromNumber:
		return "From {caller}."
	case FromAddress:
		return "From an address that is no number."
	case FromNobody:
		return "From a withheld number."
	case ForwardedBy:
		return "Forwarded by mailbox {digits}."
	case Lasts:
		return "Seconds: {length}."
	case NoMailbox:
		return "There is no such mailbox."
	case TooManyMailboxes:
		return "No more mailboxes can be added."
	case ForwardsTo:
		return "To mailbox {digits}."
	case NothingSaid:
		return "Nothing was recorded."
	case IsSent:
		return "Sent to mailboxes: {count}."
	case IsFull:
		return "Mailbox {digits} is full."
	case IsClosed:
		return "Mailbox {digits} takes no messages."
	case NoGreeting:
		return "There is no such greeting. Callers hear another one."
	case NoEarlier:
		return "There is no earlier one."
	case CallersHear:
		return "When you do not answer, callers hear:"
	case KindUnavailable:
		return "the greeting when you do not answer."
	case KindBusy:
		return "the greeting when you are busy."
	case KindTemporary:
		return "the temporary greeting."
	case KindName:
		return "your name."
	case Until:
		return "Until {time}."
	case GreetingSet:
		return "The greeting is set."
	case GreetingDeleted:
		return "The greeting is deleted."
	case GreetingRestored:
		return "The earlier greeting is set again."
	case TooLong:
		return "That is too long."
	case OptOutIs:
		return "The opt-out number is {digits}."
	case NoOptOut:
		return "There is no opt-out number."
	}
	return ""
}
