package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/twmb/franz-go/pkg/sr"
)

// failRegistry adds the diagnostic of a failed request. A registry that cannot be
// reached, or fails itself, fails the whole walk: in a plan the first resource
// says so for all of them.
func (i *instance) failRegistry(diags *diag.Diagnostics, summary string, err error, planning bool) {
	var answer *sr.ResponseError
	failing := errors.As(err, &answer) && answer.StatusCode >= http.StatusInternalServerError
	switch {
	case failing:
		if planning && !i.reported.first("registry failing") {
			return
		}
		diags.AddError(summary+": the schema registry fails", fmt.Sprintf(
			"The schema registry at %s answered %d: %s\n\nThat is a fault of the registry, not of the configuration: look at its log. %s",
			i.registry.url, answer.StatusCode, period(answer.Error()), afterFailure(planning)))
	case answer != nil:
		diags.AddError(summary, fmt.Sprintf("The schema registry at %s answered %d: %s%s",
			i.registry.url, answer.StatusCode, period(answer.Error()), adviceOnAnswer(answer)))
	case !unreachableRegistry(err):
		diags.AddError(summary, sentence(err))
	case planning && !i.reported.first("registry unreachable"):
	default:
		diags.AddError(summary+": the schema registry cannot be reached", fmt.Sprintf(
			"The schema registry at %s does not answer: %s.\n\n%s Check that it runs and that schema_registry.url (or HEADWATER_SCHEMA_REGISTRY_URL) is right; "+
				"if it is only slow, raise request_timeout.", i.registry.url, innermost(err), afterFailure(planning)))
	}
}

// afterFailure says what the failed request left behind.
func afterFailure(planning bool) string {
	if planning {
		return "Nothing was written; run the same command again afterwards."
	}
	return "Whether it took this request is looked up by the next apply, which goes on from there."
}

// adviceOnAnswer says how to mend what registries refuse most often.
func adviceOnAnswer(answer *sr.ResponseError) string {
	switch {
	case answer.ErrorCode == sr.ErrReferenceExists.Code:
		return "\n\nOther schemas refer to this one. Destroy those first, or let them refer to it by this resource's attributes, so that Terraform knows the order. " +
			"To Apicurio a softly deleted schema still refers: give the subjects that refer to this one hard_delete = true."
	case answer.StatusCode == http.StatusUnauthorized, answer.StatusCode == http.StatusForbidden:
		return "\n\nCheck schema_registry.username and password in the provider block, and what that user may do."
	}
	return ""
}

// period ends a text as a sentence ends.
func period(text string) string { return strings.TrimRight(strings.TrimSpace(text), ".") + "." }

func unreachableRegistry(err error) bool {
	var network interface{ Timeout() bool } // of package net and of net/url
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded)
}

// innermost drops the layers that repeat the address.
func innermost(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil || strings.HasPrefix(err.Error(), "dial ") {
			return strings.TrimSuffix(err.Error(), ".")
		}
		err = inner
	}
}
