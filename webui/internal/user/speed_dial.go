package user

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/view"
)

// pathSpeedDial is the page of the short numbers.
const pathSpeedDial = pathPhoneBook + "/speed-dial"

// Slots of the grid: 00 to 99, shown in tens.
const (
	slots    = 100
	slotsRow = 10
)

// speedDialPage is the data of speed_dial.html.
type speedDialPage struct {
	Tens   []tenSlots
	People []view.Option
	Domain string
	// Others are numbers that are no slots: the operator's to change.
	Others []speedDialOther
	// Shown marks the numbers that the page was made of. Now are, for a form that others
	// have overtaken, those that are there now and not in it.
	Shown string
	Now   []speedDialOther
	// Fault is what is wrong with the whole; its key is "" if nothing is.
	Fault view.Msg
}

// tenSlots are ten slots of the grid.
type tenSlots struct {
	First, Last string
	Used        int
	// Open shows them at once.
	Open  bool
	Slots []slotFields
}

// slotFields are the fields of one slot, and what is wrong with them.
type slotFields struct {
	Number, Name, Target    string
	NameFault, AddressFault view.Msg
}

// speedDialOther is a number that is no slot.
type speedDialOther struct{ Number, Name, Address string }

// isSlot reports whether a number is one of the grid's: two digits.
func isSlot(number string) bool {
	return len(number) == 2 && strings.Trim(number, "0123456789") == ""
}

// Names of the fields of a slot.
func fieldSlotName(number string) string   { return "name-" + number }
func fieldSlotTarget(number string) string { return "target-" + number }

// SpeedDial shows the short numbers (GET /user/phone-book/speed-dial).
func (p *Portal) SpeedDial(w http.ResponseWriter, r *http.Request) {
	list, err := p.DB.SpeedDials.List(r.Context(), owner(r))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	f := form.New()
	for _, d := range list {
		if d.Dialed.Domain == owner(r).Domain || d.Dialed.Domain == "" {
			f.Set(fieldSlotName(d.Dialed.User), speedDialName(d))
			f.Set(fieldSlotTarget(d.Dialed.User), plainAddress(d.URI))
		}
	}
	p.showSpeedDial(w, r, http.StatusOK, f, list, view.Msg{})
}

// speedDialName is the name in a number's row.
func speedDialName(d store.SpeedDial) string {
	if name := strings.TrimSpace(d.FirstName + " " + d.LastName); name != "" {
		return name
	}
	return d.Description
}

func (p *Portal) showSpeedDial(w http.ResponseWriter, r *http.Request, status int, f *form.Form, list []store.SpeedDial, fault view.Msg) {
	page := speedDialPage{People: p.choices(r), Domain: owner(r).Domain, Fault: fault, Shown: shownOf(list)}
	if status == http.StatusConflict {
		page.Now = overtaken(f, list, owner(r).Domain)
	}
	for _, d := range list {
		switch own := d.Dialed.Domain == owner(r).Domain || d.Dialed.Domain == ""; {
		case !own:
			page.Others = append(page.Others, speedDialOther{d.Dialed.String(), speedDialName(d), shortAddress(d.URI)})
		case !isSlot(d.Dialed.User):
			page.Others = append(page.Others, speedDialOther{d.Dialed.User, speedDialName(d), shortAddress(d.URI)})
		}
	}
	for first := 0; first < slots; first += slotsRow {
		page.Tens = append(page.Tens, newTen(f, first))
	}
	p.View.Page(w, r, status, "speeddial", view.Page{Title: view.M("speeddial.title"), Tab: tabPhoneBook, Data: page})
}

// overtaken lists the slots that are not now as the form has them.
func overtaken(f *form.Form, list []store.SpeedDial, domain string) (now []speedDialOther) {
	there := map[string]store.SpeedDial{}
	for _, d := range list {
		if d.Dialed.Domain == domain || d.Dialed.Domain == "" {
			there[d.Dialed.User] = d
		}
	}
	for i := range slots {
		number := slotNumber(i)
		d, used := there[number]
		typed := strings.TrimSpace(f.Value(fieldSlotTarget(number)))
		if uri, err := aor.CanonicalURI(typed, domain); err == nil {
			typed = uri
		}
		if d.URI == typed && (!used || speedDialName(d) == strings.TrimSpace(f.Value(fieldSlotName(number)))) {
			continue
		}
		other := speedDialOther{Number: number}
		if used {
			other.Name, other.Address = speedDialName(d), plainAddress(d.URI)
		}
		now = append(now, other)
	}
	return now
}

// hasSlots reports whether a form is one of the grid: it has a field of it at least.
func hasSlots(r *http.Request) bool {
	for i := range slots {
		if r.PostForm.Has(fieldSlotTarget(slotNumber(i))) || r.PostForm.Has(fieldSlotName(slotNumber(i))) {
			return true
		}
	}
	return false
}

// newTen makes ten slots from first on. The first ten are open, and those with something
// in them.
func newTen(f *form.Form, first int) tenSlots {
	ten := tenSlots{First: slotNumber(first), Last: slotNumber(first + slotsRow - 1), Open: first == 0}
	for i := first; i < first+slotsRow; i++ {
		number := slotNumber(i)
		s := slotFields{
			Number: number, Name: f.Value(fieldSlotName(number)), Target: f.Value(fieldSlotTarget(number)),
			NameFault: faultOf(f, fieldSlotName(number)), AddressFault: faultOf(f, fieldSlotTarget(number)),
		}
		if s.Name != "" || s.Target != "" {
			ten.Used++
		}
		ten.Slots = append(ten.Slots, s)
	}
	ten.Open = ten.Open || ten.Used > 0
	return ten
}

func slotNumber(i int) string { return fmt.Sprintf("%02d", i) }

// faultOf is what is wrong with a field.
func faultOf(f *form.Form, name string) view.Msg {
	key, args := f.Error(name)
	return view.Msg{Key: key, Args: args}
}

// SpeedDialSave puts the grid in the place of the short numbers (POST
// /user/phone-book/speed-dial): all of it or, if a field is wrong, nothing.
func (p *Portal) SpeedDialSave(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil || !hasSlots(r) {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	before, err := p.DB.SpeedDials.List(r.Context(), owner(r))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if outOfDate(r, before) {
		p.showSpeedDial(w, r, http.StatusConflict, f, before, view.M("speeddial.overtaken"))
		return
	}
	list, err := p.readSlots(r, f, before)
	fault := view.Msg{}
	if err == nil && f.OK() {
		err = p.DB.SpeedDials.SetNumbers(r.Context(), owner(r), isSlot, list)
		if errors.Is(err, store.ErrFull) {
			fault, err = view.M("speeddial.full", strconv.Itoa(store.MaxSpeedDials)), nil
		}
	}
	switch {
	case err != nil:
		p.fail(w, r, err)
		return
	case !f.OK():
		fault = view.M("speeddial.not_saved")
	}
	if fault.Key != "" {
		p.showSpeedDial(w, r, http.StatusUnprocessableEntity, f, before, fault)
		return
	}
	p.audit(r, "speed-dial.set", slotsText(before), slotsText(list))
	text := view.M("speeddial.saved")
	switch p.toldOf(r, p.acts.SpeeddialReload(r.Context())) {
	case toldLater:
		text = view.M("speeddial.saved_later")
	case toldNever:
		text = view.M("speeddial.saved_never")
	}
	p.done(w, r, pathSpeedDial, text)
}

// maxSlotName is the longest name of a slot, in characters.
const maxSlotName = 64

// readSlots reads the grid. A slot without a name takes that of the phone book; one whose
// name was not changed keeps what other programs wrote of it.
func (p *Portal) readSlots(r *http.Request, f *form.Form, before []store.SpeedDial) (list []store.SpeedDial, err error) {
	var unnamed []string
	for i := range slots {
		number := slotNumber(i)
		name := f.Text(fieldSlotName(number), maxSlotName)
		if strings.TrimSpace(f.Value(fieldSlotTarget(number))) == "" {
			if name != "" {
				f.Fail(fieldSlotTarget(number), "speeddial.no_address")
			}
			continue
		}
		d := store.SpeedDial{Owner: owner(r), LastName: name, URI: readAddress(f, fieldSlotTarget(number), owner(r).Domain)}
		d.Dialed.User, d.Dialed.Domain = number, owner(r).Domain
		if d.URI == owner(r).URI() {
			f.Fail(fieldSlotTarget(number), "dial.own")
		}
		if name == "" {
			unnamed = append(unnamed, d.URI)
		}
		for _, old := range before {
			if old.Dialed == d.Dialed && name != "" && speedDialName(old) == name {
				d.FirstName, d.LastName, d.Description = old.FirstName, old.LastName, old.Description
			}
		}
		list = append(list, d)
	}
	if len(unnamed) == 0 || !f.OK() {
		return list, nil
	}
	entries, err := p.DB.Phonebook.FindAddresses(r.Context(), owner(r), distinct(unnamed))
	for i, d := range list {
		if e, found := entries[d.URI]; found && speedDialName(d) == "" {
			list[i].FirstName, list[i].LastName = e.FirstName, e.LastName
		}
	}
	return list, err
}

// slotsText is the numbers in a few words for the audit.
func slotsText(list []store.SpeedDial) string {
	var words []string
	for _, d := range list {
		if isSlot(d.Dialed.User) {
			words = append(words, d.Dialed.User+" "+shortAddress(d.URI))
		}
	}
	return strings.Join(words, ", ")
}
