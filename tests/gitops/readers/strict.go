package main

import (
	helm "github.com/fluxcd/helm-controller/api/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// byHelmController decodes a HelmRelease as its controller's own type, and takes no field that this lacks.
func byHelmController(_ Question, object *unstructured.Unstructured) (Answer, error) {
	text, err := object.MarshalJSON()
	if err != nil {
		return Answer{}, err
	}
	return Answer{}, yaml.UnmarshalStrict(text, &helm.HelmRelease{})
}
