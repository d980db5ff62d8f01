package msilo

import (
	"context"
	"errors"

	"seraph/proxy/internal/ua"
)

// judge says what an answer other than a phone's 2xx, or the want of one, means for the
// message and for the next one; gone is refused for good. phones are all that the user
// has: what one of several refuses, another may take that is switched off or busy.
func judge(answer ua.Answer, err error, phones int) fate {
	switch {
	case errors.Is(err, ua.ErrBadAddress), errors.Is(err, ua.ErrMessageTooLarge):
		return gone
	case errors.Is(err, context.DeadlineExceeded):
		return stepOver
	case err != nil:
		return later
	case !answer.Bound && !answer.Relayed:
		return judgeScript(answer.Status)
	case !answer.Bound:
		return later // another server's, which knows nothing of his phones
	case answer.Relayed && forGood(answer.Status) && phones == 1:
		return gone
	case itsOwn(answer.Status):
		return stepOver
	}
	return later
}

// judgeScript is judge for what the script answers by itself, before it has looked for a
// phone or when it found none.
func judgeScript(status int) fate {
	switch status {
	case 513:
		return gone // it was short enough when it came, and is longer with what goes before it
	case 404, 405, 410, 416, 484, 485, 501, 505, 600, 603, 604:
		return later // that is the recipient's address, or the method, and holds for all of them
	}
	if forGood(status) {
		return passOver
	}
	return later
}

// takesNone reports whether a final status speaks of the phone, which takes no messages at
// all, and so not of the message.
func takesNone(status int) bool { return status == 405 || status == 501 }

// forGood reports whether a phone that answers so will not take the message later
// either.
func forGood(status int) bool {
	switch status {
	case 401, 405, 407, 408, 413, 423, 429, 430, 439, 440, 480, 481, 486, 487, 491, 494:
		return false
	case 505, 513:
		return true
	}
	return status/100 == 4 || status/100 == 6
}

// itsOwn reports whether a failure of what was sent to a phone may be the message's own,
// so that the phone may take the next one: it is too large for the phone's network, say,
// and gets no answer, or has a body that the phone answers 501 for.
func itsOwn(status int) bool {
	return status == 408 || status == 413 || status/100 == 5 || forGood(status)
}
