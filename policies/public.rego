# Nothing has a public address but the collector's load balancer.
package headwater.public

import data.headwater.plan

world := {"0.0.0.0/0", "::/0"}

# The one door: HTTPS to the load balancer that modules/network opens.
is_door(r) if {
	r.type == "aws_vpc_security_group_ingress_rule"
	regex.match(`(^|\.)module\.network\.aws_vpc_security_group_ingress_rule\.internet$`, r.address)
	r.values.from_port == 443
	r.values.to_port == 443
}

# Once it is open, the load balancer's group shows it too.
is_door(r) if {
	r.type == "aws_security_group"
	regex.match(`(^|\.)module\.network\.aws_security_group\.roles\["load_balancer"\]$`, r.address)
	every rule in r.values.ingress {
		rule.from_port == 443
		rule.to_port == 443
	}
}

is_collector(r) if plan.tags(r.values)["headwater:role"] == "collector"

deny contains {"address": r.address, "message": sprintf("%s would have a public address: leave it in a private subnet, and let callers come through the collector's load balancer", [r.address])} if {
	some r in plan.planned
	has_address(r)
}

has_address(r) if r.type == "aws_eip"

has_address(r) if {
	r.type in {"aws_instance", "aws_launch_configuration"}
	r.values.associate_public_ip_address == true
}

has_address(r) if {
	r.type == "aws_launch_template"
	some i in r.values.network_interfaces
	i.associate_public_ip_address in {true, "true"}
}

has_address(r) if {
	r.type == "aws_ecs_service"
	some c in r.values.network_configuration
	c.assign_public_ip == true
}

has_address(r) if {
	r.type in {"aws_db_instance", "aws_rds_cluster_instance"}
	r.values.publicly_accessible == true
}

deny contains {"address": r.address, "message": sprintf("%s gives a public address to all that is put into it: set map_public_ip_on_launch = false", [r.address])} if {
	some r in plan.planned
	r.type == "aws_subnet"
	r.values.map_public_ip_on_launch == true
}

deny contains {"address": r.address, "message": sprintf("%s is a load balancer that faces the internet: set internal = true; only the collector's, tagged headwater:role = \"collector\", may", [r.address])} if {
	some r in plan.planned
	r.type in {"aws_alb", "aws_elb", "aws_lb"}
	object.get(r.values, "internal", false) == false
	not object.get(r.unknown, "internal", false) == true
	not is_collector(r)
}

deny contains {"address": r.address, "message": sprintf("%s lets in %s: name the security groups that may connect", [r.address, range])} if {
	some r in plan.planned
	not is_door(r)
	some range in ranges(r)
	range in world
}

ranges(r) := {object.get(r.values, "cidr_ipv4", ""), object.get(r.values, "cidr_ipv6", "")} if r.type == "aws_vpc_security_group_ingress_rule"

ranges(r) := listed(r.values) if {
	r.type == "aws_security_group_rule"
	r.values.type == "ingress"
}

ranges(r) := union({listed(rule) | some rule in r.values.ingress}) if {
	r.type in {"aws_default_security_group", "aws_security_group"}
	is_array(r.values.ingress)
}

listed(rule) := {c | some key in ["cidr_blocks", "ipv6_cidr_blocks"]; is_array(rule[key]); some c in rule[key]}
