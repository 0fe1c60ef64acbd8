// Podmonitor reads a PodMonitor as the Prometheus Operator does and says which
// of its fields are none.
//
//	helm template … --show-only templates/podmonitor.yaml | go run ./podmonitor
//
// It promises to refuse a field that the Operator's own types do not have, and a
// monitor that scrapes nothing. Its weak spot: whether the labels that it selects
// are a pod's, it does not know.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := run(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "podmonitor:", err)
		os.Exit(1)
	}
}

func run(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	var m monitoring.PodMonitor
	if err := yaml.UnmarshalStrict(text, &m); err != nil {
		return err
	}
	if m.APIVersion != monitoring.SchemeGroupVersion.String() || m.Kind != monitoring.PodMonitorsKind {
		return fmt.Errorf("this is a %s of %s", m.Kind, m.APIVersion)
	}
	if len(m.Spec.PodMetricsEndpoints) == 0 || len(m.Spec.Selector.MatchLabels) == 0 {
		return errors.New("it scrapes nothing")
	}
	fmt.Println("the PodMonitor", m.Name, "ok")
	return nil
}
