# Rights name what may be done to what: no action or resource is a wildcard.
package headwater.iam

import data.headwater.plan

# Calls that AWS offers for all resources or none, so their resource is "*".
# Some of them find by what only "*" covers.
without_resource := {
	"application-autoscaling:DeleteScalingPolicy", "application-autoscaling:DeleteScheduledAction",
	"application-autoscaling:DeregisterScalableTarget", "application-autoscaling:DescribeScalableTargets",
	"application-autoscaling:DescribeScalingPolicies", "application-autoscaling:DescribeScheduledActions",
	"application-autoscaling:ListTagsForResource", "application-autoscaling:PutScalingPolicy",
	"application-autoscaling:PutScheduledAction", "application-autoscaling:RegisterScalableTarget",
	"cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics", "cloudwatch:PutMetricData",
	"ec2:DescribeAccountAttributes", "ec2:DescribeInstances", "ec2:DescribeInternetGateways", "ec2:DescribeNetworkInterfaces",
	"ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
	"ec2:DescribeTags", "ec2:DescribeVolumes", "ec2:DescribeVpcs",
	"ecr:GetAuthorizationToken", "ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition", "ecs:ListServices",
	"elasticloadbalancing:DescribeListenerAttributes", "elasticloadbalancing:DescribeListeners",
	"elasticloadbalancing:DescribeLoadBalancerAttributes", "elasticloadbalancing:DescribeLoadBalancers",
	"elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTags", "elasticloadbalancing:DescribeTargetGroupAttributes",
	"elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
	"logs:DescribeLogGroups",
	"ssm:UpdateInstanceInformation",
	"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
	"ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
	"sts:GetCallerIdentity", "xray:PutTraceSegments",
}

attributes := {"assume_role_policy", "inline_policy", "key_policy", "policy"}

# Statements of the policies written as JSON, wherever a resource has them.
statements contains {"address": r.address, "type": r.type, "is": words(s)} if {
	some r in plan.planned
	startswith(r.type, "aws_")
	[path, text] := walk(r.values)
	path[count(path) - 1] in attributes
	is_string(text)
	json.is_valid(text)
	document := json.unmarshal(text)
	some s in many(object.get(document, "Statement", []))
}

# Statements of documents that are not whole before the apply.
statements contains {"address": r.address, "type": r.type, "is": written(s)} if {
	some r in input.resource_changes
	r.type == "aws_iam_policy_document"
	is_object(r.change.after)
	some s in r.change.after.statement
}

words(s) := {
	"effect": object.get(s, "Effect", "Deny"),
	"actions": many(object.get(s, "Action", [])),
	"resources": many(object.get(s, "Resource", [])),
	"principals": principals(object.get(s, "Principal", {})),
	"conditions": count(object.get(s, "Condition", {})),
	"inverse": [k | some k in ["NotAction", "NotResource", "NotPrincipal"]; s[k]],
}

written(s) := {
	"effect": given(s, "effect", "Allow"),
	"actions": given(s, "actions", []),
	"resources": given(s, "resources", []),
	"principals": [id | some p in given(s, "principals", []); some id in p.identifiers],
	"conditions": count(given(s, "condition", [])),
	"inverse": [k | some k in ["not_actions", "not_resources", "not_principals"]; count(given(s, k, [])) > 0],
}

given(s, key, otherwise) := s[key] if s[key] != null

else := otherwise

many(v) := v if is_array(v)

else := [v]

principals(p) := [p] if is_string(p)

else := [id | some v in p; some id in many(v)]

# A key's policy hands the key to its account; that is how others are let in.
is_key_handed_over(s) if {
	s.type in {"aws_kms_key", "aws_kms_key_policy"}
	every p in s.is.principals {
		regex.match(`^arn:[a-z-]+:iam::[0-9]{12}:root$`, p)
	}
	count(s.is.principals) > 0
}

grants contains s if {
	some s in statements
	s.is.effect == "Allow"
	not is_key_handed_over(s)
}

# An endpoint only takes away from what callers may. AWS gives one that takes away
# nothing to each that has none.
is_bound(s) if s.type in {"aws_vpc_endpoint", "aws_vpc_endpoint_policy"}

deny contains {"address": s.address, "message": sprintf("%s grants the action %s: name each action that is needed", [s.address, action])} if {
	some s in grants
	not is_bound(s)
	some action in s.is.actions
	contains(action, "*")
}

deny contains {"address": s.address, "message": sprintf("%s grants with %s, which is all but a few: name what is granted", [s.address, key])} if {
	some s in grants
	some key in s.is.inverse
}

# A statement with a principal stands at the resource that it is about.
deny contains {"address": s.address, "message": sprintf("%s grants %s on %s: name the resources, since %s can be limited to some", [s.address, concat(", ", sort(s.is.actions)), resource, concat(", ", sort(limitable))])} if {
	some s in grants
	count(s.is.principals) == 0
	some resource in s.is.resources
	everything(resource)
	limitable := {a | some a in s.is.actions; not a in without_resource}
	count(limitable) > 0
}

everything("*")

everything(resource) if regex.match(`^arn:[^:]*:[^:]*:[^:]*:[^:]*:\*$`, resource)

deny contains {"address": s.address, "message": sprintf("%s lets anyone in: name the principals, or add a condition that does", [s.address])} if {
	some s in grants
	"*" in s.is.principals
	s.is.conditions == 0
	not is_bound(s)
}

unchecked contains sprintf("the rights in %s of %s", [key, r.address]) if {
	some r in plan.planned
	startswith(r.type, "aws_iam_")
	some key in {"assume_role_policy", "policy"}
	r.unknown[key] == true
}
