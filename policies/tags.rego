# Who answers for it and who pays stands on everything that can carry a tag.
package headwater.tags

import data.headwater.plan

required := {"cost_center", "owner"}

# Only what has tags in its provider's schema can carry them.
carries(r) if "tags" in object.keys(r.values)

carries(r) if r.type == "aws_autoscaling_group"

lacking(tags) := {key | some key in required; object.get(tags, key, "") in {"", null}}

deny contains {"address": r.address, "message": sprintf("%s lacks the tags %s: set them in the provider's default_tags%s", [r.address, concat(" and ", sort(missing)), more(r)])} if {
	some r in plan.planned
	startswith(r.type, "aws_")
	carries(r)
	not unknown(r)
	missing := lacking(plan.tags(r.values))
	count(missing) > 0
}

# default_tags do not reach a group of machines, which hands its own on.
more(r) := ", and for a group in tag blocks" if r.type == "aws_autoscaling_group"

else := ""

# Nor do they reach what a launch template makes.
deny contains {"address": r.address, "message": sprintf("%s makes each %s without the tags %s: add them to its tag_specifications", [r.address, made.resource_type, concat(" and ", sort(missing))])} if {
	some r in plan.planned
	r.type == "aws_launch_template"
	some made in r.values.tag_specifications
	missing := lacking(object.get(made, "tags", {}))
	count(missing) > 0
}

unknown(r) if r.unknown.tags_all == true

unknown(r) if r.unknown.tag == true

unchecked contains sprintf("the tags of %s", [r.address]) if {
	some r in plan.planned
	startswith(r.type, "aws_")
	carries(r)
	unknown(r)
}
