package deploy

import (
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/rekeyhq/rekey/internal/config"
)

// pack is what nfpm.yaml and the release agree on.
type pack struct {
	Section, Priority, Maintainer, Vendor, Homepage, License, Description string

	Scripts  map[string]string
	Suggests []string
	Contents []map[string]any
}

func TestAReleaseAndTheScriptMakeTheSamePackage(t *testing.T) {
	t.Parallel()
	var script struct {
		pack    `yaml:",inline"`
		Depends []string
	}
	var release struct {
		NFPMs []struct {
			pack         `yaml:",inline"`
			Dependencies []string
		}
	}
	for path, into := range map[string]any{"package/nfpm.yaml": &script, "../.goreleaser.yaml": &release} {
		if err := yaml.Unmarshal([]byte(read(t, path)), into); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	// The programs of a release are its builds.
	if len(script.Contents) == 0 || script.Contents[0]["dst"] != "/usr/bin/" {
		t.Fatal("the programs do not come first in nfpm.yaml")
	}
	script.Contents = script.Contents[1:]
	if got, want := release.NFPMs[0].pack, script.pack; !reflect.DeepEqual(got, want) {
		t.Errorf("the release packs\n%+v\nand the script\n%+v", got, want)
	}
	if !reflect.DeepEqual(release.NFPMs[0].Dependencies, script.Depends) {
		t.Errorf("the release depends on %v, the script's package on %v", release.NFPMs[0].Dependencies, script.Depends)
	}
}

// TestThePackagesFileIsRefusedUntilItIsFilledIn: a worker that is started too
// early must say so, not call a client that is none.
func TestThePackagesFileIsRefusedUntilItIsFilledIn(t *testing.T) {
	t.Parallel()
	const installed = "internal/config/rekey.yaml.tmpl"
	if !strings.Contains(read(t, "package/nfpm.yaml"), "src: "+installed+", dst: /etc/rekey/rekey.yaml,") {
		t.Fatal("another file is installed")
	}
	_, err := config.Load("../"+installed, func(string) string { return "" })
	if err == nil || !strings.Contains(err.Error(), "pools.prod.region") {
		t.Errorf("it says %v", err)
	}
}
