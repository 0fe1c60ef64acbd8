package campaign

import "testing"

func TestAGuardIsReadAsTheFlagHasIt(t *testing.T) {
	for in, permille := range map[string]int{"10%": 100, "off": 0, "0.5%": 5, "100%": 1000, "2.0%": 20} {
		g, err := ParseGuard(in)
		if err != nil || g.permille() != permille {
			t.Errorf("%s: %d, %v", in, g.permille(), err)
		}
		if again := guardOf(int64(permille)); again != g {
			t.Errorf("%s: read back as %s", in, again)
		}
		if again, err := ParseGuard(g.String()); again != g || err != nil {
			t.Errorf("%s: written as %s", in, g)
		}
	}
	for _, in := range []string{"", "10", "%", "-1%", "101%", "0%", "1.25%", "x%", "1.%", ".5%", "+1%", "OFF"} {
		if g, err := ParseGuard(in); err == nil {
			t.Errorf("%q is read as %s", in, g)
		}
	}
	if g := (Guard{}); g.String() != "10%" || g.permille() != 100 {
		t.Errorf("the default is %s", g)
	}
}

func TestTheLimitForRejectsIsAShareOrANumber(t *testing.T) {
	for _, c := range []struct {
		in             string
		rejected, rows int64
		allows         bool
	}{
		{"1%", 10, 1000, true}, {"1%", 11, 1000, false}, {"1%", 1, 99, false}, {"0.5%", 5, 1000, true},
		{"0", 0, 10, true}, {"0", 1, 1e6, false}, {"12", 12, 12, true}, {"12", 13, 1e6, false},
		{"0%", 1, 1e6, false}, {"100%", 10, 10, true},
	} {
		m, err := ParseMaxRejects(c.in)
		if err != nil || m.Allows(c.rejected, c.rows) != c.allows {
			t.Errorf("%s of %d among %d: %v, %v", c.in, c.rejected, c.rows, !c.allows, err)
		}
	}
	for _, in := range []string{"", "-1", "1.5", "200%", "x"} {
		if m, err := ParseMaxRejects(in); err == nil {
			t.Errorf("%q is read as %s", in, m)
		}
	}
	if s := (MaxRejects{}).String(); s != "1%" {
		t.Errorf("the default is %s", s)
	}
}

func TestRulesAreTheirWords(t *testing.T) {
	for _, p := range []Priority{Urgent, Normal, Bulk} {
		if got, err := ParsePriority(string(p)); got != p || err != nil {
			t.Errorf("%s: %s, %v", p, got, err)
		}
	}
	if _, err := ParsePriority("high"); err == nil {
		t.Error("high is a priority")
	}
	if _, err := ParseOnDoubt("skip"); err == nil {
		t.Error("skip is a rule for doubts")
	}
	if got, err := ParseOnLive("skip"); got != Skip || err != nil {
		t.Errorf("skip: %s, %v", got, err)
	}
}
