package module

import (
	"errors"
	"fmt"
	"time"
)

// NumberParam is a parameter that takes a number from least to most.
func NumberParam(name string, to *int, least, most int, doc string) Param {
	return Param{Name: name, Kind: Int, Doc: doc, Set: func(_ string, n int) error {
		if n < least || n > most {
			return fmt.Errorf("%s %d is not from %d to %d", name, n, least, most)
		}
		*to = n
		return nil
	}}
}

// FlagParam is a parameter that takes the number of a flag of requests, 0 to 31.
func FlagParam(name string, to *int, doc string) Param { return NumberParam(name, to, 0, 31, doc) }

// SwitchParam is a parameter that is on (1) or off (0).
func SwitchParam(name string, to *bool, doc string) Param {
	return Param{Name: name, Kind: Int, Doc: doc, Set: func(_ string, n int) error {
		if n != 0 && n != 1 {
			return fmt.Errorf("%s must be 0 or 1, not %d", name, n)
		}
		*to = n == 1
		return nil
	}}
}

// SecondsParam is a parameter that takes seconds, from least to most of them.
func SecondsParam(name string, to *time.Duration, least, most int, doc string) Param {
	return timeParam(name, to, time.Second, "seconds", least, most, doc)
}

// MillisecondsParam is a parameter that takes milliseconds, from least to most of them.
func MillisecondsParam(name string, to *time.Duration, least, most int, doc string) Param {
	return timeParam(name, to, time.Millisecond, "milliseconds", least, most, doc)
}

func timeParam(name string, to *time.Duration, unit time.Duration, units string, least, most int, doc string) Param {
	return Param{Name: name, Kind: Int, Doc: doc, Set: func(_ string, n int) error {
		if n < least || n > most {
			return fmt.Errorf("%s %d is not from %d to %d %s", name, n, least, most, units)
		}
		*to = time.Duration(n) * unit
		return nil
	}}
}

// DatabaseURL is what the script set db_url to, "" if it did not. Embedded, it gives a module DBURL.
type DatabaseURL string

// DBURL is the text.
func (u DatabaseURL) DBURL() string { return string(u) }

// DBURLParam is db_url, which names the router's one database over again.
func DBURLParam(to *DatabaseURL) Param {
	return Param{Name: "db_url", Kind: String, Secret: true, Doc: "the database, the router's own if not set",
		Set: func(s string, _ int) error {
			if s == "" {
				return errors.New("db_url is empty")
			}
			*to = DatabaseURL(s)
			return nil
		}}
}

// UseDomainParam is use_domain: SER and Kamailio know a user by his name alone where it is 0,
// and that is not to be had here. why says what has a domain.
func UseDomainParam(why string) Param {
	var domains bool
	p := SwitchParam("use_domain", &domains, "1; 0 is taken and changes nothing: "+why)
	p.Told = func(_ string, n int) string {
		if n != 0 {
			return ""
		}
		return "0 is the same as 1: " + why
	}
	return p
}
