package aws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// checkEmpty demands that a destroy left nothing that costs or holds anything: of
// the place only the state is there, in the bucket that was there before.
func checkEmpty(t *testing.T, a *account, place string) {
	t.Helper()
	ctx := t.Context()
	count := map[string]int{}
	volumes, err := a.ec2().DescribeVolumes(ctx, &ec2.DescribeVolumesInput{})
	fatal(t, err)
	count["volumes"] = len(volumes.Volumes)
	instances, err := a.ec2().DescribeInstances(ctx, &ec2.DescribeInstancesInput{Filters: []types.Filter{
		{Name: aws.String("instance-state-name"), Values: []string{"pending", "running", "stopping", "stopped"}},
	}})
	fatal(t, err)
	count["machines"] = len(instances.Reservations)
	networks, err := a.ec2().DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{{Name: aws.String("is-default"), Values: []string{"false"}}}})
	fatal(t, err)
	count["networks"] = len(networks.Vpcs)
	addresses, err := a.ec2().DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{
		{Name: aws.String("tag-key"), Values: []string{"headwater:address"}},
	}})
	fatal(t, err)
	count["network interfaces"] = len(addresses.NetworkInterfaces)
	buckets, err := a.s3().ListBuckets(ctx, &s3.ListBucketsInput{})
	fatal(t, err)
	count["buckets beside the state's"] = len(buckets.Buckets) - 1
	roles, err := iam.NewFromConfig(a.config).ListRoles(ctx, &iam.ListRolesInput{MaxItems: aws.Int32(1000)})
	fatal(t, err)
	for _, role := range roles.Roles {
		if aws.ToString(role.Path) == "/" { // AWS's own stand elsewhere
			count["roles"]++
			t.Logf("role %s", *role.RoleName)
		}
	}
	secrets, err := secretsmanager.NewFromConfig(a.config).ListSecrets(ctx, &secretsmanager.ListSecretsInput{})
	fatal(t, err)
	count["secrets"] = len(secrets.SecretList)
	clusters, err := ecs.NewFromConfig(a.config).DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{"headwater-" + place}})
	fatal(t, err)
	for _, cluster := range clusters.Clusters {
		if aws.ToString(cluster.Status) == "ACTIVE" {
			count["ECS clusters"]++
		}
	}
	for what, number := range count {
		if number != 0 {
			t.Errorf("after the destroy there are %d %s", number, what)
		}
	}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
