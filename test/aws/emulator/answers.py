"""Answers of moto that differ from AWS's: each would show as a change in a second plan, or keep something from going."""

import copy
import json

from moto.ec2.models.instances import Instance
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.responses import EC2Response
from moto.ecs.models import Service
from moto.route53.models import FakeZone
from moto.route53.responses import Route53
from moto.s3.models import FakeBucket, FakeDeleteMarker


def tags_of_launch_templates():
    """The template's own tags are no part of what it launches."""
    made = LaunchTemplate.__init__

    def init(self, backend, name, template_data, *args, **kwargs):
        data = dict(template_data)
        launched = [spec for spec in data.pop("TagSpecifications", []) if spec.get("ResourceType") != "launch-template"]
        if launched:
            data["TagSpecifications"] = launched
        made(self, backend, name, data, *args, **kwargs)

    LaunchTemplate.__init__ = init


def rebalancing_of_services():
    """A service says whether ECS moves its tasks between zones."""
    made = Service.__init__

    def init(self, *args, **kwargs):
        made(self, *args, **kwargs)
        self.availability_zone_rebalancing = "DISABLED"

    Service.__init__ = init


def private_zones():
    """A hosted zone made with a network is private; AWS needs no flag beside it."""
    create = Route53.create_hosted_zone

    def create_hosted_zone(self):
        if self._get_param("VPC.VPCId"):
            flag = self._get_bool_param
            self._get_bool_param = lambda name, default=None: name == "HostedZoneConfig.PrivateZone" or flag(name, default)
        return create(self)

    def add_vpc(self, vpc_id, vpc_region):
        vpc = {}
        if vpc_id:
            vpc["vpc_id"] = vpc["VPCId"] = vpc_id
        if vpc_region:
            vpc["vpc_region"] = vpc["VPCRegion"] = vpc_region
        if vpc:
            self.vpcs.append(vpc)
        return vpc

    Route53.create_hosted_zone = create_hosted_zone
    FakeZone.add_vpc = add_vpc


def descriptions_of_rules():
    """A rule that names a group or a prefix list keeps its description as one of addresses does."""
    made = SecurityGroupRule.__init__

    def init(self, ec2_backend, ip_protocol, group_id, from_port, to_port, ip_range, source_group=None, prefix_list_id=None, **kwargs):
        made(self, ec2_backend, ip_protocol, group_id, from_port, to_port, ip_range, source_group, prefix_list_id, **kwargs)
        self.described = next((source["Description"] for source in (ip_range, source_group, prefix_list_id) if source and source.get("Description")), None)

    SecurityGroupRule.__init__ = init
    SecurityGroupRule.description = property(lambda rule: rule.described)


def regions_of_endpoints():
    """An endpoint says in which region its service answers, where it was asked for one."""
    create = EC2Response.create_vpc_endpoint

    def create_vpc_endpoint(self):
        answer = create(self)
        answer.result["VpcEndpoint"].service_region = self._get_param("ServiceRegion") or self.region
        return answer

    EC2Response.create_vpc_endpoint = create_vpc_endpoint


def addresses_that_outlive():
    """The end of a machine frees the network interfaces that are not to end with it."""
    end = Instance.terminate

    def terminate(self):
        before = end(self)
        for index, interface in list(self.nics.items()):
            if not interface.delete_on_termination:
                described = copy.copy(interface)  # a machine that is gone is still described
                self.detach_eni(interface)
                self.nics[index] = described
        return before

    Instance.terminate = terminate


def conditions_of_buckets():
    """moto reads no conditions, so a bucket that denies calls without TLS would deny all."""
    from moto.iam.access_control import IAMPolicy, PermissionResult

    def get_permission(self, action, resource):
        if self.policy is None:
            return PermissionResult.NEUTRAL
        document = json.loads(self.policy.decode())
        statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
        document["Statement"] = [s for s in statements if s["Effect"] != "Deny" or not s.get("Condition")]
        if not document["Statement"]:
            return PermissionResult.NEUTRAL
        return IAMPolicy(json.dumps(document)).is_action_permitted(action, resource)

    FakeBucket.get_permission = get_permission


def markers_of_deletion():
    """Once versioning ended, the marker of a deletion goes as any version does; moto fails, which clients try again for minutes."""
    FakeDeleteMarker.dispose = lambda marker: None


ALL = (
    tags_of_launch_templates,
    rebalancing_of_services,
    private_zones,
    descriptions_of_rules,
    regions_of_endpoints,
    addresses_that_outlive,
    conditions_of_buckets,
    markers_of_deletion,
)
