# What holds data goes only after an apply of its own has said that it may.
package headwater.data

import data.headwater.plan

kinds := {
	"aws_ebs_volume": "apply it with the tag headwater:retired = \"true\" first",
	"aws_s3_bucket": "apply it with force_destroy = true first",
	"headwater_schema_subject": "retire the event (retired = true) and apply that first",
	"headwater_topic": "retire the event (retired = true), or set deletion_protection = false, and apply that first",
}

marked(r) if r.change.before.deletion_protection == false

marked(r) if r.change.before.force_destroy == true

marked(r) if plan.tags(r.change.before)["headwater:retired"] == "true"

marked(r) if plan.unfinished(r)

deny contains {
	"address": r.address,
	"message": sprintf("%s would be %s with the data that it holds: %s", [r.address, plan.loss(r), kinds[r.type]]),
} if {
	some r in plan.gone
	r.type in object.keys(kinds)
	not marked(r)
}
