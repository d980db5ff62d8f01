package msilo

import (
	"context"
	"errors"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/ua"
)

// judge says what an answer other than a phone's 2xx, or the want of one, means for the
// message and for the next one. phones are the contacts that the user has registered; what is switched off does not
// count. tired says that with this one the message has failed max_attempts times.
func judge(answer ua.Answer, err error, phones int, tired bool) fate {
	switch {
	case errors.Is(err, ua.ErrBadAddress), errors.Is(err, ua.ErrMessageTooLarge):
		return unasked
	case errors.Is(err, context.DeadlineExceeded):
		return stepOver
	case err != nil:
		return later
	case !answer.Bound && !answer.Relayed:
		return judgeScript(answer.Status)
	case !answer.Bound:
		return later // another server's, which knows nothing of his phones
	}
	said := answer.Said
	if said.Empty() && answer.Relayed {
		said.Add(answer.Status)
	}
	return judgePhones(answer.Status, said, phones, tired)
}

// judgePhones is judge for what was sent to the user's phones, by what each of them has come to. The answer is only the
// best of these (RFC 3261 §16.7 step 6), and one phone's says nothing of what the others make of this message: behind the
// 405 of a desk phone the one that takes messages may have said nothing to this one, and would take the next.
func judgePhones(status int, said sip.StatusSet, phones int, tired bool) fate {
	var deaf sip.StatusSet
	deaf.Add(405)
	switch {
	case said == deaf:
		return takesNone
	case refused(said, phones, tired):
		return gone
	case said.Has(405), itsOwn(status):
		return stepOver
	}
	return later
}

// refused reports whether the user's phones have refused a message for good: one that has no other, or all of them
// with a 6xx, which speaks for the others, too (RFC 3261 §21.6). What several refuse otherwise may be for one that
// is busy or switched off, until the message is tired of waiting for that. A phone that knows no messages
// refuses none, and takes none either.
func refused(said sip.StatusSet, phones int, tired bool) bool {
	some, all := false, phones == 1
	for status := range said.All {
		switch {
		case status == 405 || status == 501:
			if !tired {
				return false
			}
		case !forGood(status):
			return false
		default:
			some, all = true, all || status >= 600
		}
	}
	return some && (all || tired)
}

// judgeScript is judge for what the script answers by itself, before it has looked for a
// phone or when it found none.
func judgeScript(status int) fate {
	switch status {
	case 513:
		return unasked // it was short enough when it came, and is longer with what goes before it
	case 404, 405, 410, 416, 484, 485, 501, 505, 600, 603, 604:
		return later // that is the recipient's address, or the method, and holds for all of them
	}
	if forGood(status) {
		return passOver
	}
	return later
}

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
