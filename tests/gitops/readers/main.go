// Command readers says what GitOps tools make of an object, with the code that these tools run.
//
// It reads a list of questions as JSON and prints the list of answers. kstatus is asked in the two editions
// that are in use, Flux' expressions are evaluated by Flux' own package, and Lua runs as in Argo CD.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	kustomize "github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"

	flux "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	upstream "sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// Question asks one reader about one object.
type Question struct {
	Reader      string                           `json:"reader"`
	Object      map[string]any                   `json:"object"`
	Script      string                           `json:"script"`
	Expressions kustomize.HealthCheckExpressions `json:"expressions"`
}

// Answer has what the reader said, or why it said nothing.
type Answer struct {
	Status  string          `json:"status,omitempty"`
	Message string          `json:"message,omitempty"`
	Value   json.RawMessage `json:"value,omitempty"`
	Error   string          `json:"error,omitempty"`
}

var readers = map[string]func(Question, *unstructured.Unstructured) (Answer, error){
	"kstatus":      byKstatus,
	"flux-kstatus": byFluxKstatus,
	"flux-cel":     byExpressions,
	"argo-lua":     byLua,
	"helmrelease":  byHelmController,
}

func main() {
	// Whole numbers have to arrive as int64, as from an API server: kstatus refuses a generation of 1.0.
	var raw []json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&raw); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	answers := make([]Answer, 0, len(raw))
	for _, text := range raw {
		answer, err := answered(text)
		if err != nil {
			answer.Error = err.Error()
		}
		answers = append(answers, answer)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func answered(text json.RawMessage) (Answer, error) {
	var question Question
	if err := json.Unmarshal(text, &question); err != nil {
		return Answer{}, err
	}
	reader, known := readers[question.Reader]
	if !known {
		return Answer{}, fmt.Errorf("no reader is called %q", question.Reader)
	}
	var whole struct {
		Object json.RawMessage `json:"object"`
	}
	if err := json.Unmarshal(text, &whole); err != nil {
		return Answer{}, err
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(whole.Object); err != nil {
		return Answer{}, err
	}
	return reader(question, object)
}

func byKstatus(_ Question, object *unstructured.Unstructured) (Answer, error) {
	result, err := upstream.Compute(object)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: result.Status.String(), Message: result.Message}, nil
}

func byFluxKstatus(_ Question, object *unstructured.Unstructured) (Answer, error) {
	result, err := flux.Compute(object)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: result.Status.String(), Message: result.Message}, nil
}

func byExpressions(question Question, object *unstructured.Unstructured) (Answer, error) {
	evaluator, err := cel.NewStatusEvaluator(&question.Expressions)
	if err != nil {
		return Answer{}, err
	}
	result, err := evaluator.Evaluate(context.Background(), object)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: result.Status.String()}, nil
}
