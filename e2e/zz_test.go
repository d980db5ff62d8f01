package e2e_test
import ("testing";"os";"strings";"path/filepath";"seraph/e2e/stand")
func TestZZ(t *testing.T){
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol"}})
	w := withPeople(t, s)
	s.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000) INSERT INTO phonebook(username,domain,fname,lname,sip_uri,grp_name,search) SELECT 'alice','example.org','First'||i,'Last'||i,'sip:u'||i||'@example.org','g'||(i%7),'first'||i||' last'||i FROM n`)
	s.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000) INSERT INTO call_log(callid,from_tag,caller_username,caller_domain,callee_username,callee_domain,started,sip_code) SELECT 'c'||i,'x','u'||i,'example.org','alice','example.org',datetime('now','-'||i||' minutes'),'480' FROM n`)
	for _, p := range []string{"/user/phone-book","/user/phone-book?q=last99","/user/phone-book?page=5","/user/missed","/user/calls","/user/phone-book/export.csv","/user/messages","/user/account"} {
		for range 4 { w.Read(p) }
	}
	log,_ := os.ReadFile(filepath.Join(s.Dir,"seraph-webui.log"))
	lines := strings.Split(string(log),"\n")
	for _, l := range lines[len(lines)-40:] { if i:=strings.Index(l,"path="); i>0 { t.Log(l[i:]) } }
	w.Open("/user/phone-book"); w.WatchShifts(); comesAndGoes(t, s, w.Browser); w.NothingMoved("1000")
}
