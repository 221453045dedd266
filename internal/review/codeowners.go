package review

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// CodeOwnersFile is where GitHub looks for owners, from the repository's top.
const CodeOwnersFile = ".github/CODEOWNERS"

// platformTeam owns what no domain's team does.
const platformTeam = "platform"

// handle matches a team as GitHub spells it.
var handle = regexp.MustCompile(`^@[A-Za-z0-9-]+/[A-Za-z0-9._-]+$`)

// CodeOwners is GitHub's file of owners: the platform's team for everything, and
// for each domain the team that owns its events. The error names each team that
// has no handle and each domain of two owners.
func (c Catalogue) CodeOwners() (string, error) {
	var faults []error
	mention := func(team string) string {
		t, ok := c.Teams[team]
		switch {
		case !ok:
			faults = append(faults, fmt.Errorf("%q owns something and is no team: add it to schemas/teams.tf", team))
		case !handle.MatchString(t.GitHub):
			faults = append(faults, fmt.Errorf("the team %q has the GitHub handle %q: set github to one like @example/%s in schemas/teams.tf", team, t.GitHub, team))
		}
		return t.GitHub
	}
	owners := map[string]string{}
	for _, event := range sortedKeys(c.Events) {
		d := c.Events[event]
		if other, ok := owners[d.Domain]; ok && other != d.Owner {
			faults = append(faults, fmt.Errorf("%s: the domain %s belongs to %s and to %s: give it one owner", d.Where, d.Domain, other, d.Owner))
		}
		owners[d.Domain] = d.Owner
	}
	var b strings.Builder
	b.WriteString("# Written by make generate from schemas/*.tf; edit those.\n")
	fmt.Fprintf(&b, "* %s\n", mention(platformTeam))
	for _, domain := range sortedKeys(owners) {
		team := mention(owners[domain])
		if owners[domain] != platformTeam {
			fmt.Fprintf(&b, "/schemas/%s.tf %s\n", domain, team)
			fmt.Fprintf(&b, "/schemas/%s/ %s\n", domain, team)
		}
	}
	return b.String(), errors.Join(faults...)
}

// ReadCodeOwners makes the file's text of the working tree.
func ReadCodeOwners(repo Repository) (string, error) {
	files, err := repo.now(folder)
	if err != nil {
		return "", err
	}
	c, err := ReadCatalogue(files)
	if err != nil {
		return "", err
	}
	return c.CodeOwners()
}
