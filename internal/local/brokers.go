package local

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"headwater.internal/platform/internal/kafka"
)

// scramIterations is the one count that the embedded Kafka authenticates with,
// whatever a credential was made with.
const scramIterations = 4096

// retentionEvery is how often records past their retention are dropped, as on a
// real broker (log.retention.check.interval.ms).
const retentionEvery = 5 * time.Minute

// brokers is the embedded Kafka.
type brokers struct {
	cluster *kfake.Cluster
	journal *journal
	mark    string // file that stands while the brokers run
	stop    chan struct{}
}

// brokerConfigs are the cluster-wide settings that differ from kfake's defaults.
func brokerConfigs() map[string]string {
	return map[string]string{
		"min.insync.replicas": "2",
		// kfake's own cleaner is never due: it drops committed values for those of
		// open transactions, and a kill while it works loses the partition.
		"log.cleaner.backoff.ms": "315360000000",
		// A platform that was down for a week goes on where it was.
		"offsets.retention.minutes": "525600",
		// Of tasks whose partitions the brokers assign: as those have it that
		// assign among themselves.
		"group.consumer.session.timeout.ms":    "10000",
		"group.consumer.heartbeat.interval.ms": "1000",
	}
}

// startBrokers opens the data in place, mending it first when the last run was
// killed, and listens on the place's addresses.
func startBrokers(place Place, secrets Secrets, registry *prometheus.Registry, logger *slog.Logger) (*brokers, error) {
	b := &brokers{mark: place.Path("kafka.running"), stop: make(chan struct{})}
	dir, journalPath := place.Path("kafka"), place.Path("kafka.commit")
	if err := b.recover(dir, journalPath, logger); err != nil {
		return nil, err
	}
	var err error
	if b.journal, err = openJournal(journalPath); err != nil {
		return nil, err
	}
	denials := newDenials(logger, registry)
	b.cluster, err = kfake.NewCluster(
		kfake.Ports(place.brokerPorts()...),
		kfake.ListenFn(denials.listen),
		kfake.ClusterID(newClusterID()), // of a first start; the data keeps it
		kfake.DataDir(dir),
		kfake.EnableSASL(),
		kfake.Superuser(kafka.ScramSHA512, Admin, secrets.Admin),
		kfake.EnableACLs(),
		kfake.MaxVersions(served()),
		kfake.BrokerConfigs(brokerConfigs()),
		kfake.WithLogger(kfakeLogger{logger}),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the brokers: %w", mendable(err)), b.journal.Close())
	}
	denials.topicName = b.topicName
	b.journal.follow(b.cluster)
	b.cluster.ControlKey(int16(kmsg.AlterUserSCRAMCredentials), refuseOtherIterations(b.cluster))
	go b.applyRetention()
	return b, nil
}

// served are the requests that the brokers answer. DescribeTopicPartitions is not
// among them: kfake's answer leaves out the eligible leaders, over which Java's
// admin client falls, and without it every client asks for metadata instead.
func served() *kversion.Versions {
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(int16(kmsg.DescribeTopicPartitions), -1)
	return versions
}

// recover mends what a kill left and notes that the brokers run.
func (b *brokers) recover(dir, journalPath string, logger *slog.Logger) error {
	if _, err := os.Stat(b.mark); err == nil {
		decided, err := readJournal(journalPath)
		if err != nil {
			return err
		}
		mended, err := recoverCommits(dir, decided)
		if err != nil {
			return err
		}
		logger.Warn("the platform was killed: its transactions are mended",
			"partitions_committed", mended.Committed, "partitions_aborted", mended.Aborted, "offsets", mended.Offsets)
		// Sequence numbers as of the last orderly stop: producers are past them.
		if err := os.Remove(dir + "/seq_windows.json"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(b.mark, nil, 0o600)
}

// Close stops the brokers and writes down all they know.
func (b *brokers) Close() error {
	close(b.stop)
	b.cluster.Close()
	return errors.Join(b.journal.Close(), os.Remove(b.mark))
}

func (b *brokers) applyRetention() {
	ticker := time.NewTicker(retentionEvery)
	defer ticker.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-ticker.C:
			b.cluster.ApplyRetention()
		}
	}
}

func (b *brokers) topicName(id [16]byte) string {
	if info := b.cluster.TopicIDInfo(id); info != nil {
		return info.Topic
	}
	return ""
}

// refuseOtherIterations refuses at once what would fail at every login later.
func refuseOtherIterations(cluster *kfake.Cluster) func(kmsg.Request) (kmsg.Response, error, bool) {
	return func(r kmsg.Request) (kmsg.Response, error, bool) {
		request, ok := r.(*kmsg.AlterUserSCRAMCredentialsRequest)
		if !ok {
			return nil, nil, false
		}
		var wrong []string
		for _, u := range request.Upsertions {
			if u.Iterations != scramIterations {
				wrong = append(wrong, u.Name)
			}
		}
		if len(wrong) == 0 {
			return nil, nil, false
		}
		cluster.KeepControl()
		response := kmsg.NewPtrAlterUserSCRAMCredentialsResponse()
		response.SetVersion(request.GetVersion())
		message := fmt.Sprintf("the embedded Kafka authenticates with %d iterations only: set iterations = %d", scramIterations, scramIterations)
		for _, name := range wrong {
			result := kmsg.NewAlterUserSCRAMCredentialsResponseResult()
			result.User, result.ErrorCode, result.ErrorMessage = name, kerr.UnacceptableCredential.Code, &message
			response.Results = append(response.Results, result)
		}
		return response, nil, true
	}
}

// newClusterID makes an id as Kafka's own tools do: a UUID in URL-safe base64.
func newClusterID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// mendable adds what to do to the error of a port in use.
func mendable(err error) error {
	if strings.Contains(err.Error(), "address already in use") {
		return fmt.Errorf("%w: another platform runs there: stop it, or use --port-base", err)
	}
	return err
}

// kfakeLogger passes on warnings and errors.
type kfakeLogger struct{ logger *slog.Logger }

// Logf implements [kfake.Logger].
func (l kfakeLogger) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.logger.Error("brokers: " + fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		l.logger.Warn("brokers: " + fmt.Sprintf(format, args...))
	default:
	}
}

func describeCluster(ctx context.Context, client *kgo.Client) (string, error) {
	response, err := kmsg.NewPtrDescribeClusterRequest().RequestWith(ctx, client)
	if err != nil {
		return "", err
	}
	return response.ClusterID, kerr.ErrorForCode(response.ErrorCode)
}
