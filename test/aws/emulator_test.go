package aws

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// An action that the emulator lacks must be refused at once and in one sentence:
// clients take a server's error for a passing one, and try for minutes.
func TestEmulatorRefusesWhatItLacks(t *testing.T) {
	t.Parallel()
	a := openAccount(t)
	calls := map[string]func() error{ // one of each protocol
		"ec2:DescribeFastLaunchImages": func() error {
			_, err := ec2.NewFromConfig(a.config).DescribeFastLaunchImages(t.Context(), &ec2.DescribeFastLaunchImagesInput{})
			return err
		},
		"ecs:DescribeServiceRevisions": func() error {
			_, err := ecs.NewFromConfig(a.config).DescribeServiceRevisions(t.Context(), &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: []string{"arn"}})
			return err
		},
		"iam:GenerateServiceLastAccessedDetails": func() error {
			_, err := iam.NewFromConfig(a.config).GenerateServiceLastAccessedDetails(t.Context(),
				&iam.GenerateServiceLastAccessedDetailsInput{Arn: aws.String("arn:aws:iam::222222222222:role/nobody")})
			return err
		},
	}
	for action, call := range calls {
		began := time.Now()
		err := call()
		var refusal smithy.APIError
		want := "the emulator of AWS has no " + action
		if !errors.As(err, &refusal) || refusal.ErrorCode() != "NotInEmulator" || !strings.HasPrefix(refusal.ErrorMessage(), want) {
			t.Errorf("%s: %v, want a refusal that says %q", action, err, want)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s was refused after %s, want at once", action, took)
		}
	}
}

// A scalable target keeps its tags: the provider waits for them without an end.
func TestScalableTargetKeepsTags(t *testing.T) {
	t.Parallel()
	a := openAccount(t)
	client := applicationautoscaling.NewFromConfig(a.config)
	if _, err := ecs.NewFromConfig(a.config).CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("c")}); err != nil {
		t.Fatal(err)
	}
	if _, err := ecs.NewFromConfig(a.config).CreateService(t.Context(), &ecs.CreateServiceInput{Cluster: aws.String("c"), ServiceName: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	made, err := client.RegisterScalableTarget(t.Context(), &applicationautoscaling.RegisterScalableTargetInput{
		ServiceNamespace: scaling.ServiceNamespaceEcs, ScalableDimension: scaling.ScalableDimensionECSServiceDesiredCount,
		ResourceId: aws.String("service/c/s"), MinCapacity: aws.Int32(2), MaxCapacity: aws.Int32(4), Tags: map[string]string{"owner": "platform"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.TagResource(t.Context(), &applicationautoscaling.TagResourceInput{ResourceARN: made.ScalableTargetARN, Tags: map[string]string{"more": "x"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.UntagResource(t.Context(), &applicationautoscaling.UntagResourceInput{ResourceARN: made.ScalableTargetARN, TagKeys: []string{"owner"}}); err != nil {
		t.Fatal(err)
	}
	got, err := client.ListTagsForResource(t.Context(), &applicationautoscaling.ListTagsForResourceInput{ResourceARN: made.ScalableTargetARN})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Tags) != 1 || got.Tags["more"] != "x" {
		t.Errorf("tags are %v, want more only", got.Tags)
	}
}

// A bucket whose objects were deleted must be emptied of their versions and go: a
// destroy of the archive ends its versioning first, and then waits for that.
func TestVersionedBucketGoes(t *testing.T) {
	t.Parallel()
	client, bucket, key := openAccount(t).s3(), aws.String("emptied"), aws.String("k")
	version := func(status s3types.BucketVersioningStatus) {
		_, err := client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
			Bucket: bucket, VersioningConfiguration: &s3types.VersioningConfiguration{Status: status},
		})
		fatal(t, err)
	}
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket})
	fatal(t, err)
	version(s3types.BucketVersioningStatusEnabled)
	_, err = client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("x")})
	fatal(t, err)
	_, err = client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: key})
	fatal(t, err)
	version(s3types.BucketVersioningStatusSuspended)
	found, err := client.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: bucket})
	fatal(t, err)
	if len(found.Versions) != 1 || len(found.DeleteMarkers) != 1 {
		t.Fatalf("there are %d versions and %d markers, want one of each", len(found.Versions), len(found.DeleteMarkers))
	}
	_, err = client.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: bucket, Delete: &s3types.Delete{Objects: []s3types.ObjectIdentifier{
		{Key: key, VersionId: found.Versions[0].VersionId}, {Key: key, VersionId: found.DeleteMarkers[0].VersionId},
	}}})
	fatal(t, err)
	if _, err = client.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: bucket}); err != nil {
		t.Errorf("the emptied bucket does not go: %v", err)
	}
}
