# What the policies ask of a plan, as terraform show -json prints it.
package headwater.plan

# Each resource that the plan knows, changed or not.
resources contains r if {
	some r in input.resource_changes
	r.mode == "managed"
}

# What is there after the apply, with what is known of it now.
planned contains {"address": r.address, "type": r.type, "name": r.name, "values": r.change.after, "unknown": object.get(r.change, "after_unknown", {})} if {
	some r in resources
	is_object(r.change.after)
}

# What is deleted, alone or in a replacement.
gone contains r if {
	some r in resources
	"delete" in r.change.actions
}

# What an apply that was cut short left half made, of a node that never was whole:
# the node's protection is made after all else of it.
unfinished(r) if {
	r.action_reason == "replace_because_tainted"
	some last in resources
	last.address == regex.replace(r.address, `aws_[a-z_]+\.[a-z_]+(\[[^\]]*\])$`, "terraform_data.protection$1")
	last.change.actions == ["create"]
}

# What happens to it, in words.
loss(r) := "replaced" if "create" in r.change.actions

else := "deleted"

# An object's tags, those of the provider's default_tags too. A group of
# machines has them as blocks.
tags(values) := {block.key: block.value | some block in values.tag} if {
	is_array(values.tag)
} else := values.tags_all if {
	is_object(values.tags_all)
} else := values.tags if {
	is_object(values.tags)
} else := {}
