package headwater.peer;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.SaslConfigs;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.SessionStore;

/** The sessions of processors/sessionize, made by Kafka Streams. It is set up by its environment. */
public final class Sessionize {
  private static final Duration GAP = Duration.ofMinutes(30);

  /** For as long as this after its gap a session is still there to be reopened: ours keeps it so. */
  private static final Duration GRACE = Duration.ofHours(24).plusMinutes(1);

  private Sessionize() {}

  public static void main(String[] args) throws InterruptedException {
    Properties config = config();
    KafkaStreams streams = new KafkaStreams(topology(config), config);
    CountDownLatch stopped = new CountDownLatch(1);
    boolean[] failed = new boolean[1];
    streams.setUncaughtExceptionHandler(
        e -> {
          e.printStackTrace();
          failed[0] = true;
          stopped.countDown();
          return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(20))));
    streams.start();
    stopped.await();
    System.exit(failed[0] ? 1 : 0);
  }

  private static Topology topology(Properties config) {
    StreamsBuilder builder = new StreamsBuilder();
    builder
        .stream(
            env("PEER_FROM"),
            Consumed.with(Serdes.String(), Serdes.serdeFrom((topic, e) -> null, new Event.Reader(number("PEER_FROM_SCHEMA"))))
                .withTimestampExtractor((record, before) -> ((Event) record.value()).time()))
        .groupByKey(Grouped.keySerde(Serdes.String()))
        .windowedBy(SessionWindows.ofInactivityGapAndGrace(GAP, GRACE))
        .aggregate(
            Session::new,
            (customer, event, session) -> session.add(event),
            (customer, earlier, later) -> earlier.absorb(later),
            Materialized.<String, Session, SessionStore<Bytes, byte[]>>as("sessions")
                .withKeySerde(Serdes.String())
                .withValueSerde(Serdes.serdeFrom(new Session.Writer(), new Session.Reader()))
                .withCachingEnabled())
        .toStream()
        .flatMap(Sessionize::publish)
        .to(
            env("PEER_TO"),
            Produced.with(Serdes.String(), Serdes.serdeFrom(new Published.Writer(number("PEER_TO_SCHEMA")), (topic, bytes) -> null))
                .withStreamPartitioner((topic, id, session, partitions) -> Optional.of(Set.of(partition(session.customer(), partitions)))));
    return builder.build(config);
  }

  /**
   * A session that grew comes under a new window, and its old one as null. What is published is keyed
   * by the session's id, so the null needs no record.
   */
  private static List<KeyValue<String, Published>> publish(Windowed<String> window, Session session) {
    if (session == null) {
      return List.of();
    }
    String customer = window.key();
    KeyValue<String, Published> grown =
        KeyValue.pair(
            Published.key(session.id),
            new Published(customer, window.window().start(), window.window().end(), session));
    if (session.absorbed.isEmpty()) {
      return List.of(grown);
    }
    List<KeyValue<String, Published>> all = new ArrayList<>();
    for (byte[] id : session.absorbed) {
      all.add(KeyValue.pair(Published.key(id), new Published(customer, 0, 0, null)));
    }
    all.add(grown);
    return all;
  }

  /** Where every Kafka client puts that customer. */
  private static int partition(String customer, int partitions) {
    return Utils.toPositive(Utils.murmur2(customer.getBytes(StandardCharsets.UTF_8))) % partitions;
  }

  private static Properties config() {
    Properties p = new Properties();
    p.put(StreamsConfig.APPLICATION_ID_CONFIG, env("PEER_APPLICATION"));
    p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, env("HEADWATER_BOOTSTRAP_SERVERS"));
    p.put(StreamsConfig.STATE_DIR_CONFIG, env("HEADWATER_STATE_DIR"));
    p.put(CommonClientConfigs.SECURITY_PROTOCOL_CONFIG, "SASL_PLAINTEXT");
    p.put(SaslConfigs.SASL_MECHANISM, "SCRAM-SHA-512");
    p.put(
        SaslConfigs.SASL_JAAS_CONFIG,
        String.format(
            "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"%s\" password=\"%s\";",
            env("HEADWATER_SASL_USERNAME"), env("HEADWATER_SASL_PASSWORD")));
    p.putAll(
        Map.of(
            StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2,
            StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, number("PEER_COMMIT_MS"),
            StreamsConfig.NUM_STREAM_THREADS_CONFIG, number("PEER_THREADS"),
            StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE,
            StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64L << 20,
            StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, Rocks.class,
            StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 5_000,
            StreamsConfig.REPLICATION_FACTOR_CONFIG, 3));
    // Ours has the same, or the client does it so by default.
    consumer(p, ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    consumer(p, ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 5_000);
    consumer(p, ConsumerConfig.FETCH_MAX_BYTES_CONFIG, 16 << 20);
    producer(p, ProducerConfig.LINGER_MS_CONFIG, 250); // until the commit, which flushes
    producer(p, ProducerConfig.BATCH_SIZE_CONFIG, 256 << 10);
    producer(p, ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
    p.put(StreamsConfig.topicPrefix(TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG), "2");
    return p;
  }

  private static void consumer(Properties p, String key, Object value) {
    p.put(StreamsConfig.mainConsumerPrefix(key), value);
  }

  private static void producer(Properties p, String key, Object value) {
    p.put(StreamsConfig.producerPrefix(key), value);
  }

  private static int number(String name) {
    return Integer.parseInt(env(name));
  }

  private static String env(String name) {
    String value = System.getenv(name);
    if (value == null || value.isEmpty()) {
      throw new IllegalArgumentException(name + " is empty: bench sets it");
    }
    return value;
  }
}
