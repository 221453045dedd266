package aws

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

var errTooEarly = errors.New("too early")

func (a *account) ec2() *ec2.Client { return ec2.NewFromConfig(a.config) }

// checkCluster reads back through AWS's API what Terraform says it declared.
func checkCluster(t *testing.T, a *account, p *place) {
	machines := a.machines(t, p)
	checkMachines(t, machines)
	checkTemplates(t, a)
	checkVolumes(t, a, machines)
	checkDoors(t, a)
	checkBucket(t, a, "headwater-staging-artifacts-"+a.id)
}

// machines are the running instances of Kafka's nodes, by node id.
func (a *account) machines(t *testing.T, p *place) map[string]types.Instance {
	t.Helper()
	out, err := a.ec2().DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{Filters: []types.Filter{
		{Name: aws.String("tag:headwater:cluster"), Values: []string{"headwater-" + p.name}},
		{Name: aws.String("instance-state-name"), Values: []string{"running"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	machines := map[string]types.Instance{}
	for _, reservation := range out.Reservations {
		for _, instance := range reservation.Instances {
			node := tag(instance.Tags, "headwater:node")
			if other, twice := machines[node]; twice {
				t.Errorf("node %s has two machines, %s and %s", node, *other.InstanceId, *instance.InstanceId)
			}
			machines[node] = instance
		}
	}
	return machines
}

func tag(tags []types.Tag, key string) string {
	for _, tag := range tags {
		if aws.ToString(tag.Key) == key {
			return aws.ToString(tag.Value)
		}
	}
	return ""
}

// checkMachines demands six brokers and three controllers, evenly over three
// zones, that nothing outside the network can reach.
func checkMachines(t *testing.T, machines map[string]types.Instance) {
	t.Helper()
	zones := map[string]map[string]int{"broker": {}, "controller": {}}
	for node, machine := range machines {
		zones[tag(machine.Tags, "headwater:role")][aws.ToString(machine.Placement.AvailabilityZone)]++
		if address := aws.ToString(machine.PublicIpAddress); address != "" {
			t.Errorf("node %s has the public address %s", node, address)
		}
		if owner := tag(machine.Tags, "owner"); owner != "platform" {
			t.Errorf("node %s is owned by %q, want platform", node, owner)
		}
	}
	for role, each := range map[string]int{"broker": 2, "controller": 1} {
		if len(zones[role]) != 3 {
			t.Errorf("%ss stand in the zones %v, want three", role, zones[role])
		}
		for zone, number := range zones[role] {
			if number != each {
				t.Errorf("zone %s has %d %ss, want %d", zone, number, role, each)
			}
		}
	}
}

func checkTemplates(t *testing.T, a *account) {
	t.Helper()
	out, err := a.ec2().DescribeLaunchTemplateVersions(t.Context(), &ec2.DescribeLaunchTemplateVersionsInput{Versions: []string{"$Latest"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.LaunchTemplateVersions) != 9 {
		t.Errorf("there are %d launch templates, want one of each of 9 nodes", len(out.LaunchTemplateVersions))
	}
	for _, version := range out.LaunchTemplateVersions {
		name, data := aws.ToString(version.LaunchTemplateName), version.LaunchTemplateData
		if data.MetadataOptions == nil || data.MetadataOptions.HttpTokens != types.LaunchTemplateHttpTokensStateRequired {
			t.Errorf("%s lets its metadata be read without a token", name)
		}
		for _, mapping := range data.BlockDeviceMappings {
			if !aws.ToBool(mapping.Ebs.Encrypted) {
				t.Errorf("%s has an open disk, %s", name, aws.ToString(mapping.DeviceName))
			}
		}
		for _, address := range data.NetworkInterfaces {
			if address.AssociatePublicIpAddress == nil || *address.AssociatePublicIpAddress {
				t.Errorf("%s may take a public address", name)
			}
		}
		if data.KeyName != nil {
			t.Errorf("%s lets in whoever has the key %s", name, *data.KeyName)
		}
		if packed, err := base64.StdEncoding.DecodeString(aws.ToString(data.UserData)); err != nil || len(packed) > 16<<10 {
			t.Errorf("%s has %d bytes of user data (%v), and EC2 takes 16384", name, len(packed), err)
		}
	}
}

// checkVolumes demands that each node has an encrypted disk and an address of its
// own in the zone of its machine.
func checkVolumes(t *testing.T, a *account, machines map[string]types.Instance) {
	t.Helper()
	filter := func(key, value string) []types.Filter {
		return []types.Filter{{Name: aws.String("tag:" + key), Values: []string{value}}}
	}
	volumes, err := a.ec2().DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{Filters: filter("headwater:disk", "data")})
	if err != nil {
		t.Fatal(err)
	}
	disks := map[string]types.Volume{}
	for _, volume := range volumes.Volumes {
		disks[tag(volume.Tags, "headwater:node")] = volume
	}
	addresses, err := a.ec2().DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{Filters: filter("headwater:address", "node")})
	if err != nil {
		t.Fatal(err)
	}
	zones := map[string]string{}
	for _, address := range addresses.NetworkInterfaces {
		zones[tag(address.TagSet, "headwater:node")] = aws.ToString(address.AvailabilityZone)
	}
	for node, machine := range machines {
		zone, disk := aws.ToString(machine.Placement.AvailabilityZone), disks[node]
		if !aws.ToBool(disk.Encrypted) || disk.VolumeType != types.VolumeTypeGp3 || aws.ToString(disk.AvailabilityZone) != zone {
			t.Errorf("the disk of node %s is %s (encrypted %v) in %s, want an encrypted gp3 in %s",
				node, disk.VolumeType, aws.ToBool(disk.Encrypted), aws.ToString(disk.AvailabilityZone), zone)
		}
		if zones[node] != zone {
			t.Errorf("the address of node %s is in %q, want %s", node, zones[node], zone)
		}
	}
}

// checkDoors demands that the one rule which names addresses lets HTTPS in to the
// load balancer, and that no subnet gives machines public addresses.
func checkDoors(t *testing.T, a *account) {
	t.Helper()
	groups, err := a.ec2().DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{
		Filters: []types.Filter{{Name: aws.String("tag:managed_by"), Values: []string{"headwater"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, group := range groups.SecurityGroups {
		name := aws.ToString(group.GroupName)
		for _, rule := range group.IpPermissions {
			open = append(open, doors(name+" in", rule)...)
		}
		for _, rule := range group.IpPermissionsEgress {
			open = append(open, doors(name+" out", rule)...)
		}
	}
	if want := []string{"headwater-staging-load-balancer in tcp 443 0.0.0.0/0"}; !slices.Equal(open, want) {
		t.Errorf("what is open to addresses is %q, want %q", open, want)
	}
	subnets, err := a.ec2().DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{
		Filters: []types.Filter{{Name: aws.String("tag:managed_by"), Values: []string{"headwater"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, subnet := range subnets.Subnets {
		if aws.ToBool(subnet.MapPublicIpOnLaunch) {
			t.Errorf("subnet %s gives out public addresses", *subnet.SubnetId)
		}
	}
	if len(subnets.Subnets) != 6 {
		t.Errorf("there are %d subnets, want a private and a public one in each of three zones", len(subnets.Subnets))
	}
}

func doors(where string, rule types.IpPermission) []string {
	var found []string
	for _, source := range rule.IpRanges {
		found = append(found, fmt.Sprintf("%s %s %d %s", where, aws.ToString(rule.IpProtocol), aws.ToInt32(rule.FromPort), aws.ToString(source.CidrIp)))
	}
	for _, source := range rule.Ipv6Ranges {
		found = append(found, fmt.Sprintf("%s %s %d %s", where, aws.ToString(rule.IpProtocol), aws.ToInt32(rule.FromPort), aws.ToString(source.CidrIpv6)))
	}
	return found
}

// checkBucket demands that a bucket is closed, encrypted, versioned and reached
// over TLS only.
func checkBucket(t *testing.T, a *account, bucket string) {
	t.Helper()
	client := a.s3()
	closed, err := client.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	block := closed.PublicAccessBlockConfiguration
	if !aws.ToBool(block.BlockPublicAcls) || !aws.ToBool(block.BlockPublicPolicy) || !aws.ToBool(block.IgnorePublicAcls) || !aws.ToBool(block.RestrictPublicBuckets) {
		t.Errorf("%s may be opened to the public", bucket)
	}
	if _, err := client.GetBucketEncryption(t.Context(), &s3.GetBucketEncryptionInput{Bucket: &bucket}); err != nil {
		t.Errorf("%s is not encrypted: %v", bucket, err)
	}
	versions, err := client.GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: &bucket})
	if err != nil || versions.Status != s3types.BucketVersioningStatusEnabled {
		t.Errorf("%s keeps no versions: %v", bucket, err)
	}
	policy, err := client.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: &bucket})
	if err != nil || !strings.Contains(aws.ToString(policy.Policy), "aws:SecureTransport") {
		t.Errorf("%s is reached without TLS: %v", bucket, err)
	}
}
