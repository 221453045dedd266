# A cluster of three copies survives one broker's absence, not two.
package headwater.brokers

import data.headwater.plan

machines := {"aws_autoscaling_group", "aws_ebs_volume", "aws_instance", "aws_network_interface"}

is_broker(r) if {
	r.type in machines
	plan.tags(r.change.before)["headwater:role"] == "broker"
}

is_broker(r) if r.type == "headwater_broker"

# Its machine, volume, address and membership have one name: the node's id.
node(r) := sprintf("%v", [r.change.before.node_id]) if r.type == "headwater_broker"

else := id if id := plan.tags(r.change.before)["headwater:node"]

else := r.address

replaced contains node(r) if {
	some r in plan.gone
	is_broker(r)
	"create" in r.change.actions
	not plan.unfinished(r)
}

# An instance of another type is stopped first.
replaced contains node(r) if {
	some r in plan.resources
	is_broker(r)
	r.type == "aws_instance"
	"update" in r.change.actions
	r.change.before.instance_type != r.change.after.instance_type
}

# A group that refreshes replaces its machine as soon as its template changes.
replaced contains node(r) if {
	some r in plan.resources
	is_broker(r)
	r.type == "aws_autoscaling_group"
	"update" in r.change.actions
	some _ in r.change.after.instance_refresh
	object.get(r.change.before, "launch_template", []) != object.get(r.change.after, "launch_template", [])
}

# A broker that goes for good was drained before, and says so.
replaced contains node(r) if {
	some r in plan.gone
	is_broker(r)
	not "create" in r.change.actions
	not marked(r)
}

marked(r) if r.change.before.state == "drained"

marked(r) if plan.tags(r.change.before)["headwater:retired"] == "true"

deny contains {
	"address": "",
	"message": sprintf("brokers %s would be away at the same time, which leaves one copy of what both keep: replace one broker in a plan (-target), wait until no partition lacks a copy, and go on", [concat(", ", sort(replaced))]),
} if {
	count(replaced) > 1
}
